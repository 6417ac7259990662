import { Type } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import { applyOnce } from "../auth/apply-once.js";
import { merchantStore, sentForm, signedIn } from "../auth/merchant-area.js";
import {
  CATEGORIES_MAX,
  CATEGORY_NAME_MAX,
  createCategory,
  deleteCategory,
  listCategories,
  POSITION_MAX,
  updateCategory,
  type CategoryInput,
} from "../catalogue/categories.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { notFound } from "../http/problem.js";
import type { FieldErrors } from "../pages/form.js";
import type { Services } from "../services.js";
import { StorePath } from "../stores/store-path.js";
import type { Store } from "../stores/stores.js";
import { parseTextLine } from "../text-line.js";
import { categoriesPage, type CategoryForm } from "./category-pages.js";
import { parseNumber } from "./product-form.js";

const SENT_ALREADY = "This form was sent before, with something else in it. Please send it again.";

/** A merchant's categories: all of them on one page. */
export function registerCategoryRoutes(app: App, services: Services): void {
  const { db, layout } = services;

  app.get(
    "/admin/:slug/categories",
    { schema: { params: StorePath } },
    async (request, reply) => await show(request, reply),
  );

  const body = Type.Object({ name: Type.String(), position: Type.String() });
  app.post("/admin/:slug/categories", { schema: { params: StorePath, body } }, async (request, reply) => {
    const store = merchantStore(request);
    const refuse = async (errors: FieldErrors) =>
      await show(request, reply.code(422), { values: request.body, errors });

    const parsed = parseCategory(request.body);
    if ("errors" in parsed) return await refuse(parsed.errors);
    const form = sentForm(request, [store.id, parsed]);
    const applied = await applyOnce(db, form, async (transaction) => {
      const created = await createCategory(transaction, store.id, parsed);
      return created === "too-many" ? { refusal: created } : { location: pathOf(store) };
    });
    if ("location" in applied) return reply.redirect(applied.location, 303);
    return await refuse({
      name:
        applied.refusal === "too-many"
          ? `A shop has at most ${CATEGORIES_MAX} categories.`
          : "You added a category with this form already. Send it again to add one more.",
    });
  });

  const params = Type.Object({ ...StorePath.properties, category: Type.String() });
  app.post("/admin/:slug/categories/:category", { schema: { params, body } }, async (request, reply) => {
    const store = merchantStore(request);
    const categoryId = idOf(request.params.category);
    const refuse = async (reason: string) => {
      const problem = `“${request.body.name}” was not saved. ${reason}`;
      return await show(request, reply.code(422), undefined, problem);
    };

    const parsed = parseCategory(request.body);
    if ("errors" in parsed) return await refuse(Object.values(parsed.errors)[0] ?? "");
    const form = sentForm(request, [store.id, categoryId, parsed]);
    const applied = await applyOnce(db, form, async (transaction) => {
      const updated = await updateCategory(transaction, store.id, categoryId, parsed);
      return updated ? { location: pathOf(store) } : { refusal: "not-found" as const };
    });
    if ("location" in applied) return reply.redirect(applied.location, 303);
    if (applied.refusal === "not-found") throw noSuchCategory();
    return await refuse(SENT_ALREADY);
  });

  app.post("/admin/:slug/categories/:category/delete", { schema: { params } }, async (request, reply) => {
    const store = merchantStore(request);
    const categoryId = idOf(request.params.category);
    const form = sentForm(request, [store.id, categoryId, "delete"]);
    const applied = await applyOnce(db, form, async (transaction) => {
      const deleted = await deleteCategory(transaction, store.id, categoryId);
      if (deleted === true) return { location: pathOf(store) };
      return { refusal: deleted === "in-use" ? deleted : ("not-found" as const) };
    });
    if ("location" in applied) return reply.redirect(applied.location, 303);
    if (applied.refusal === "not-found") throw noSuchCategory();
    const problem =
      applied.refusal === "in-use"
        ? "There are products in this category. Put them into another one first; then it can be deleted."
        : SENT_ALREADY;
    return await show(request, reply.code(409), undefined, problem);
  });

  async function show(
    request: FastifyRequest,
    reply: FastifyReply,
    form?: { values: CategoryForm; errors: FieldErrors },
    problem?: string,
  ): Promise<FastifyReply> {
    const store = merchantStore(request);
    const categories = await listCategories(db, store.id);
    return sendPrivatePage(
      reply,
      categoriesPage(layout, signedIn(request), store, categories, form, problem),
    );
  }
}

function parseCategory(values: CategoryForm): CategoryInput | { errors: FieldErrors } {
  const name = parseTextLine(values.name, CATEGORY_NAME_MAX);
  const position = parseNumber(values.position, POSITION_MAX);
  if (name && position !== undefined) return { name, position };
  return {
    errors: {
      ...(!name && { name: `The name must be one line of 1 to ${CATEGORY_NAME_MAX} characters.` }),
      ...(position === undefined && {
        position: `The place must be a whole number from 0 to ${POSITION_MAX}.`,
      }),
    },
  };
}

function pathOf(store: Store): string {
  return `/admin/${store.slug}/categories`;
}

function idOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw noSuchCategory();
  return Number(text);
}

function noSuchCategory() {
  return notFound("Your shop has no such category.");
}
