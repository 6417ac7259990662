import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { SignInRequired } from "../auth/merchant-area.js";
import { isUnavailable } from "../database/errors.js";
import { errorPage } from "../pages/error-page.js";
import type { Layout } from "../pages/layout.js";
import { SmsNotSent } from "../sms/webhook.js";
import { ImageStoreError } from "../images/image-store.js";
import { StoreMoved } from "../stores/moved.js";
import type { App } from "./app.js";
import { sendPrivatePage } from "./caching.js";
import { notFound, Problem } from "./problem.js";

/** Turns every error into a page, or into JSON under /api/: in plain words, without a look inside the server. */
export function registerErrorHandlers(app: App, layout: Layout): void {
  app.setErrorHandler((error, request, reply) => sendError(layout, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendError(layout, notFound("There is no such page."), request, reply),
  );
}

/** Answers a request with an error; also for requests that fail before they reach a route. */
export function sendError(
  layout: Layout,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof SignInRequired) return reply.redirect("/login", 303);
  if (error instanceof StoreMoved)
    // Not to be kept by caches: the store may come back to an address that it had.
    return reply.header("cache-control", "no-cache").redirect(movedUrl(request, error.slug), 308);
  const problem = toProblem(error);
  if (problem.statusCode >= 500) request.log.error({ err: error }, "request failed");
  else request.log.debug({ err: error }, "request refused");

  reply.code(problem.statusCode);
  if (problem.retryAfter !== undefined) reply.header("retry-after", String(problem.retryAfter));
  const { code, message, details } = problem;
  if (request.url.startsWith("/api/"))
    return reply
      .header("cache-control", "no-store")
      .send({ error: { code, message, details, requestId: request.id } });
  return sendPrivatePage(
    reply,
    errorPage(layout, { statusCode: problem.statusCode, message, details, requestId: request.id }),
  );
}

/** The address that was asked for, with another slug. 308 keeps the method and the form. */
function movedUrl({ url, routeOptions }: FastifyRequest, slug: string): string {
  const segments = url.split("/");
  const place = (routeOptions.url ?? "").split("/").indexOf(":slug");
  // The segment ends where the query begins.
  segments[place] = (segments[place] ?? "").replace(/^[^?]*/, slug);
  return segments.join("/");
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof SmsNotSent)
    return new Problem(
      503,
      "sms-not-sent",
      "We cannot send a code right now. Please try again in a minute.",
      {
        retryAfter: 60,
      },
    );
  if (isUnavailable(error))
    return new Problem(503, "unavailable", "The shop is not available for a moment. Please try again.", {
      retryAfter: 5,
    });
  if (error instanceof ImageStoreError)
    return new Problem(
      503,
      "pictures-unavailable",
      "Pictures are not available for a moment. Please try again.",
      { retryAfter: 10 },
    );
  if (isFastifyError(error)) {
    if (error.validation) return invalidInput(error);
    if (error.statusCode === 413)
      return new Problem(413, "too-large", "The request is larger than we accept.");
    if (error.statusCode === 415)
      return new Problem(415, "unsupported-media-type", "Send a form, or JSON to the API.");
    if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
      return new Problem(error.statusCode, "bad-request", "The request is not well-formed.");
    if (error.statusCode === 503)
      return new Problem(503, "timeout", "This took too long. Please try again.", { retryAfter: 5 });
  }
  return new Problem(500, "internal", "This is our fault, not yours. Please try again in a moment.");
}

function invalidInput(error: FastifyError): Problem {
  const details = (error.validation ?? []).map((problem) => ({
    path: `${error.validationContext ?? "request"}${problem.instancePath || ""}`,
    reason: problem.message ?? "is not valid",
  }));
  return new Problem(400, "invalid-input", "Some of the input is not valid.", { details });
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
