import { Type } from "@fastify/type-provider-typebox";
import { setSessionCookie } from "../admin/session-cookie.js";
import type { App } from "../http/app.js";
import { sendPrivatePage, sendPublicPage } from "../http/caching.js";
import type { FieldErrors } from "../pages/form.js";
import type { Services } from "../services.js";
import { parseTextLine } from "../text-line.js";
import { homePage, storeCreatedPage } from "./pages.js";
import { isSlug, SLUG_RULE, slugFromName } from "./slug.js";
import { createStore, STORE_NAME_MAX } from "./stores.js";

/** The front page, and opening a shop. */
export function registerStoreRoutes(app: App, services: Services): void {
  const { db, environment, layout, sessions } = services;
  const { host } = new URL(environment.publicUrl);

  app.get("/", (request, reply) => sendPublicPage(request, reply, homePage(layout, host)));

  const body = Type.Object({ name: Type.String(), slug: Type.Optional(Type.String()) });
  app.post("/stores", { schema: { body } }, async (request, reply) => {
    const values = { name: request.body.name, slug: request.body.slug ?? "" };
    const refuse = (errors: FieldErrors) =>
      sendPrivatePage(reply.code(422), homePage(layout, host, values, errors));

    const parsed = parseStore(values);
    if ("errors" in parsed) return refuse(parsed.errors);
    const created = await createStore(db, parsed);
    if (created === "slug-taken")
      return refuse({ slug: `The address ${parsed.slug} is taken already; choose another one.` });
    setSessionCookie(reply, environment, await sessions.open(created.store.id));
    return sendPrivatePage(reply.code(201), storeCreatedPage(layout, created, environment.publicUrl));
  });
}

function parseStore(values: {
  name: string;
  slug: string;
}): { name: string; slug: string } | { errors: FieldErrors } {
  const errors: Record<string, string> = {};
  const name = parseTextLine(values.name, STORE_NAME_MAX);
  if (!name) errors["name"] = `The name must be one line of 1 to ${STORE_NAME_MAX} characters.`;
  const wanted = values.slug.trim();
  const slug = wanted === "" ? slugFromName(name ?? "") : wanted;
  if (wanted === "" && !slug) {
    if (name) errors["slug"] = `This name gives no address; please choose one: ${SLUG_RULE}.`;
  } else if (!slug || !isSlug(slug)) {
    errors["slug"] = `The address must be ${SLUG_RULE}.`;
  }
  return name && slug && Object.keys(errors).length === 0 ? { name, slug } : { errors };
}
