import { Type } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import { merchantStore, signedIn } from "../auth/merchant-area.js";
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
import { parseTextLine } from "../text-line.js";
import { categoriesPage, type CategoryForm } from "./category-pages.js";
import { parseNumber } from "./product-form.js";

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
    if ((await createCategory(db, store.id, parsed)) === "too-many")
      return await refuse({ name: `A shop has at most ${CATEGORIES_MAX} categories.` });
    return reply.redirect(`/admin/${store.slug}/categories`, 303);
  });

  const params = Type.Object({ ...StorePath.properties, category: Type.String() });
  app.post("/admin/:slug/categories/:category", { schema: { params, body } }, async (request, reply) => {
    const store = merchantStore(request);
    const parsed = parseCategory(request.body);
    if ("errors" in parsed) {
      const [reason = ""] = Object.values(parsed.errors);
      return await show(
        request,
        reply.code(422),
        undefined,
        `“${request.body.name}” was not saved. ${reason}`,
      );
    }
    if (!(await updateCategory(db, store.id, idOf(request.params.category), parsed))) throw noSuchCategory();
    return reply.redirect(`/admin/${store.slug}/categories`, 303);
  });

  app.post("/admin/:slug/categories/:category/delete", { schema: { params } }, async (request, reply) => {
    const store = merchantStore(request);
    const deleted = await deleteCategory(db, store.id, idOf(request.params.category));
    if (deleted === "in-use")
      return await show(
        request,
        reply.code(409),
        undefined,
        "There are products in this category. Put them into another one first; then it can be deleted.",
      );
    if (!deleted) throw noSuchCategory();
    return reply.redirect(`/admin/${store.slug}/categories`, 303);
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

function idOf(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw noSuchCategory();
  return Number(text);
}

function noSuchCategory() {
  return notFound("Your shop has no such category.");
}
