import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Database } from "../database/database.js";
import type { App } from "../http/app.js";
import { isSafeMethod } from "../http/origin-check.js";
import { notFound, Problem } from "../http/problem.js";
import type { Services } from "../services.js";
import { currentSlug, StoreMoved } from "../stores/moved.js";
import { isSlug } from "../stores/slug.js";
import type { Store } from "../stores/stores.js";
import type { SentForm } from "./apply-once.js";
import { readSessionCookie, setSessionCookie } from "./session-cookie.js";

/** The visitor has no session; a browser is led to the sign-in page. */
export class SignInRequired extends Error {
  override name = "SignInRequired";
}

/** Who sent a request to a merchant's route. */
export interface SignedIn {
  sessionId: number;
  merchantId: number;
  /** `+91` and ten digits. */
  phone: string;
  /** The store in the route's address. Absent: the route is about no single store. */
  store: Store | undefined;
  /** Makes the hidden field that each of this merchant's forms must have, a new one for every form. */
  formField: () => string;
}

/** What a page in the merchant's area shows of its merchant. */
export type PageOwner = Pick<SignedIn, "formField">;

const SIGNED_IN = "signedIn";
const FORM_KEY = "formKey";

/**
 * The routes that only signed-in merchants reach. Before any of them runs it is known who asks, that the `:slug` in its
 * address is a store of this merchant (others do not exist for them), and that a form came from one of our own pages.
 * A new route is safe by being registered here.
 * @param register adds the routes to the area
 */
export async function registerMerchantArea(
  app: App,
  services: Services,
  register: (area: App) => void,
): Promise<void> {
  await app.register((scope, _options, done) => {
    const area: App = scope.withTypeProvider<TypeBoxTypeProvider>();
    area.decorateRequest(SIGNED_IN, null);
    area.decorateRequest(FORM_KEY, null);
    area.addHook("onRequest", async (request, reply) => {
      request.setDecorator(SIGNED_IN, await findMerchant(services, request, reply));
    });
    area.addHook("preValidation", async (request) => {
      if (isSafeMethod(request.method)) return;
      const key = services.formKeys.read(signedIn(request).sessionId, request.body);
      if (key === undefined)
        throw new Problem(
          403,
          "form-expired",
          "This form is not valid any more, so nothing was changed. Open its page again and send it from there.",
        );
      request.setDecorator(FORM_KEY, key);
    });
    register(area);
    done();
  });
}

/** Who sent a request to a route of the merchant area. */
export function signedIn(request: FastifyRequest): SignedIn {
  return request.getDecorator<SignedIn>(SIGNED_IN);
}

/** The merchant's store in the address of a route with `:slug`. */
export function merchantStore(request: FastifyRequest): Store {
  const { store } = signedIn(request);
  if (!store) throw new Error("This route has no :slug in its address");
  return store;
}

/**
 * The form that was sent to a route of the merchant area, for `applyOnce`.
 * @param content what was entered, as far as it matters to the result
 */
export function sentForm(request: FastifyRequest, content: unknown): SentForm {
  return {
    merchantId: signedIn(request).merchantId,
    key: request.getDecorator<string>(FORM_KEY),
    content,
  };
}

async function findMerchant(
  { db, environment, formKeys, sessions }: Services,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<SignedIn> {
  const { params } = request;
  const slug = typeof params === "object" && params && "slug" in params ? String(params.slug) : undefined;
  const token = readSessionCookie(request, environment);
  const session =
    token === undefined
      ? undefined
      : await sessions.find(token, slug !== undefined && isSlug(slug) ? slug : undefined);
  if (!session) throw new SignInRequired();
  const { id, merchantId, phone, store, newToken } = session;
  if (newToken !== undefined) setSessionCookie(reply, environment, newToken);
  if (slug !== undefined && !store) throw await whereStoreIs(db, merchantId, slug);
  return { sessionId: id, merchantId, phone, store, formField: () => formKeys.field(id) };
}

/** What to say of an address that is none of the merchant's stores', but perhaps was. */
async function whereStoreIs(db: Database, merchantId: number, slug: string): Promise<Error> {
  const now = await currentSlug(db, slug);
  const own =
    now === undefined
      ? undefined
      : await db
          .selectFrom("stores")
          .select("slug")
          .where("slug", "=", now)
          .where("merchant_id", "=", merchantId)
          .executeTakeFirst();
  return own ? new StoreMoved(own.slug) : notFound("You have no shop at this address.");
}
