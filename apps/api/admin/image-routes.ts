import { Type, type TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { IncomingMessage } from "node:http";
import { finished } from "node:stream";
import { merchantStore, signedIn } from "../auth/merchant-area.js";
import type { RateLimit } from "../auth/rate-limits.js";
import { findProduct } from "../catalogue/products.js";
import { parseProductId, ProductPath } from "../catalogue/routes.js";
import type { App } from "../http/app.js";
import { notFound, Problem } from "../http/problem.js";
import { PictureRefused, type EncodedPicture, type Place } from "../images/encoder.js";
import { addImage, ALT_MAX, changeImages, IMAGES_MAX, type ProductKey } from "../images/images.js";
import { PICTURE_MAX_BYTES, readUpload } from "../images/upload.js";
import type { Services } from "../services.js";
import { parseTextLine } from "../text-line.js";

/** Reading and re-encoding a picture, those before it included, in milliseconds. */
const UPLOAD_TIME = 75_000;
// A picture takes up to two seconds of one core. An evening's work fits; after it, one merchant gets a fifth of the encoder.
const UPLOADS_PER_MERCHANT: RateLimit = { name: "uploads by merchant", burst: 120, everySeconds: 10 };
/** The request's decorator with the upload's place. */
const PLACE = "place";

/** The pictures of a merchant's product: adding one, naming it, showing it first, taking it off. */
export function registerImageAdminRoutes(app: App, { db, images, limits }: Services): void {
  void app.register((scope, _options, done) => {
    registerUpload(scope.withTypeProvider<TypeBoxTypeProvider>(), { db, images, limits });
    done();
  });

  const params = Type.Object({ ...ProductPath.properties, digest: Type.String() });
  const body = Type.Object({
    alt: Type.String(),
    action: Type.Union([Type.Literal("save"), Type.Literal("first"), Type.Literal("remove")]),
  });
  app.post(
    "/admin/:slug/products/:product/images/:digest",
    { schema: { params, body } },
    async (request, reply) => {
      const store = merchantStore(request);
      const productId = parseProductId(request.params.product);
      const { digest } = request.params;
      const { action } = request.body;
      const alt = parseAlt(request.body.alt);
      const outcome = await changeImages(db, { storeId: store.id, productId }, (all) => {
        const chosen = all.find((image) => image.digest === digest);
        if (!chosen) return "no-image";
        const others = all.filter((image) => image !== chosen);
        if (action === "remove") return others;
        if (action === "first") return [{ ...chosen, alt }, ...others];
        return all.map((image) => (image === chosen ? { ...chosen, alt } : image));
      });
      if (outcome !== "done") throw notFound("Your shop has no such picture.");
      return reply.redirect(`/admin/${store.slug}/products/${productId}#pictures`, 303);
    },
  );
}

function registerUpload(app: App, { db, images, limits }: Pick<Services, "db" | "images" | "limits">): void {
  app.decorateRequest(PLACE, null);
  // Only here: nobody can make the service read a large form elsewhere, or without having signed in.
  app.addContentTypeParser(
    "multipart/form-data",
    async (request: FastifyRequest, payload: IncomingMessage) => {
      const place = request.getDecorator<Place | null>(PLACE);
      if (!place) throw noPictures();
      return await place.during(async () => await readUpload(request, payload));
    },
  );

  const body = Type.Object({ alt: Type.Optional(Type.String()), picture: Type.Optional(Type.Any()) });
  const options = {
    schema: { params: ProductPath, body },
    bodyLimit: PICTURE_MAX_BYTES + 64 * 1024,
    handlerTimeout: UPLOAD_TIME,
    config: { offWhen: "uploads_off" as const },
    // What is read is held in memory, so the place is taken before.
    preParsing: async (request: FastifyRequest, reply: FastifyReply) => {
      if (!images) return;
      const place = images.encoder.takePlace();
      // The answer was sent, or the connection broke.
      finished(reply.raw, () => place.letGo());
      request.setDecorator(PLACE, place);
      const retryAfter = await limits.take(UPLOADS_PER_MERCHANT, String(signedIn(request).merchantId));
      if (retryAfter !== undefined)
        throw new Problem(
          429,
          "too-many-uploads",
          `You have sent many pictures. Please wait ${retryAfter} seconds before the next one.`,
          { retryAfter },
        );
    },
  };
  app.post("/admin/:slug/products/:product/images", options, async (request, reply) => {
    const store = merchantStore(request);
    const productId = parseProductId(request.params.product);
    const { alt = "", picture } = request.body;
    const place = request.getDecorator<Place | null>(PLACE);
    const product = { storeId: store.id, productId };
    if (!(await findProduct(db, product.storeId, product.productId, { withHidden: true })))
      throw noSuchProduct();
    if (!place) throw noPictures();
    await place.during(async () => await keep(product, picture, alt));
    return reply.redirect(`/admin/${store.slug}/products/${productId}#pictures`, 303);
  });

  async function keep(product: ProductKey, picture: unknown, description: string): Promise<void> {
    const alt = parseAlt(description);
    if (!images || !Buffer.isBuffer(picture) || picture.length === 0)
      throw new Problem(422, "no-picture", "Choose a picture before you send the form.");
    const encoded = await encode(picture);
    const outcome = await addImage(db, images.store, product, encoded, alt);
    if (outcome === "no-product") throw noSuchProduct();
    if (outcome === "too-many")
      throw new Problem(409, "too-many-pictures", `A product has at most ${IMAGES_MAX} pictures.`);
  }

  async function encode(picture: Buffer): Promise<EncodedPicture> {
    try {
      return await images!.encoder.encode(picture);
    } catch (error) {
      if (error instanceof PictureRefused) throw new Problem(422, "picture-refused", error.message);
      throw error;
    }
  }
}

function noSuchProduct(): Problem {
  return notFound("Your shop has no such product.");
}

/** What a picture shows, in words; none is better than wrong ones. */
function parseAlt(text: string): string {
  if (text.trim() === "") return "";
  const alt = parseTextLine(text, ALT_MAX);
  if (alt === undefined)
    throw new Problem(
      422,
      "invalid-input",
      `The description must be one line of at most ${ALT_MAX} characters.`,
    );
  return alt;
}

function noPictures(): Problem {
  return new Problem(
    501,
    "no-pictures",
    "This platform has no object storage for pictures. Whoever runs it can set dukaan:images.",
  );
}
