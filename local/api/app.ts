import { timingSafeEqual, createHash, randomUUID } from "node:crypto";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from "fastify";
import type { Cloud } from "./cloud.js";
import { ApiError, fromSchemaErrors, refused } from "./errors.js";
import { RateLimit } from "./rate-limit.js";
import { compileSchema } from "./validation.js";
import { actionRoutes } from "./actions.js";
import { catalogRoutes } from "./catalog-routes.js";
import { certificateRoutes } from "./certificates.js";
import { firewallActionRoutes } from "./firewall-actions.js";
import { firewallRoutes } from "./firewalls.js";
import { floatingIpActionRoutes } from "./floating-ip-actions.js";
import { floatingIpRoutes } from "./floating-ips.js";
import { imageActionRoutes } from "./image-actions.js";
import { imageRoutes } from "./images.js";
import { loadBalancerActionRoutes } from "./load-balancer-actions.js";
import { loadBalancerTypeRoutes } from "./load-balancer-types.js";
import { loadBalancerRoutes } from "./load-balancers.js";
import { metricsRoutes } from "./metrics-routes.js";
import { missingRoutes } from "./missing.js";
import { networkActionRoutes } from "./network-actions.js";
import { networkRoutes } from "./networks.js";
import { openApiDocument, type DocumentedRoute } from "./openapi.js";
import { placementGroupRoutes } from "./placement-groups.js";
import { primaryIpActionRoutes } from "./primary-ip-actions.js";
import { primaryIpRoutes } from "./primary-ips.js";
import { serverActionRoutes } from "./server-actions.js";
import { serverNetworkRoutes } from "./server-networks.js";
import { serverRoutes } from "./servers.js";
import { sshKeyRoutes } from "./ssh-keys.js";
import { pageRoutes } from "../page/routes.js";
import type { RecentLog } from "../page/recent-log.js";
import { volumeActionRoutes } from "./volume-actions.js";
import { volumeRoutes } from "./volumes.js";
import { zoneRrsetRoutes } from "./zone-rrsets.js";
import { zoneRoutes } from "./zones.js";

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

declare module "fastify" {
  interface FastifyContextConfig {
    /** Answered without a token: nothing of the state is in it. */
    public?: boolean;
    /** Only says what there is not. */
    undocumented?: boolean;
  }
}

export interface ApiOptions {
  cloud: Cloud;
  /** What clients send as `Authorization: Bearer …`. */
  token: string;
  logger?: FastifyBaseLogger;
  /** Requests an hour; by default 100 times what Hetzner allows. */
  rateLimit?: number;
  /** What the page shows of the log. */
  recentLog?: RecentLog | undefined;
}

/** The API below /v1 and a page at /, not yet listening. */
export function createApi({ cloud, token, logger, rateLimit = 360_000, recentLog }: ApiOptions): App {
  const app: App = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    // Names of zones and their record sets may be as long as names can be.
    routerOptions: { maxParamLength: 255 },
    // Paths that the router itself refuses: too long, or badly encoded.
    frameworkErrors: (error, _request, reply) => {
      const answer = toApiError(error);
      const plain: FastifyReply = reply;
      void plain.code(answer.status).send(answer.toBody());
    },
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(compileSchema)
    // The schemas of answers type them; what we send is built by ourselves and needs no second filter.
    .setSerializerCompiler(() => JSON.stringify);

  readBodies(app);
  answerErrors(app);
  guard(app, token, rateLimit);

  void app.register(
    (v1, _options, done) => {
      const api = v1.withTypeProvider<TypeBoxTypeProvider>();
      const refuseRest = refuseOtherMethods(api);
      const routes = documentRoutes(api);
      for (const add of [
        actionRoutes,
        catalogRoutes,
        sshKeyRoutes,
        placementGroupRoutes,
        networkRoutes,
        networkActionRoutes,
        firewallRoutes,
        firewallActionRoutes,
        primaryIpRoutes,
        primaryIpActionRoutes,
        serverRoutes,
        serverActionRoutes,
        serverNetworkRoutes,
        metricsRoutes,
        imageRoutes,
        imageActionRoutes,
        floatingIpRoutes,
        floatingIpActionRoutes,
        volumeRoutes,
        certificateRoutes,
        loadBalancerTypeRoutes,
        loadBalancerRoutes,
        loadBalancerActionRoutes,
        volumeActionRoutes,
        zoneRoutes,
        zoneRrsetRoutes,
      ]) {
        add(api, cloud);
      }
      missingRoutes(api, cloud);
      api.get("/openapi.json", { config: { public: true, undocumented: true } }, () =>
        openApiDocument(routes),
      );
      refuseRest();
      done();
    },
    { prefix: "/v1" },
  );
  pageRoutes(app, cloud, recentLog);
  return app;
}

/** JSON whatever the content type says; an absent body is an empty object, as most actions take none. */
function readBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, text, done) => {
    try {
      done(null, text === "" ? {} : JSON.parse(String(text)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      done(new ApiError(400, "json_error", `invalid JSON in the request: ${why}`));
    }
  });
  app.addHook("preValidation", (request, _reply, done) => {
    if (request.method !== "GET") request.body ??= {};
    done();
  });
}

function answerErrors(app: App): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const answer = toApiError(error);
    if (answer.status >= 500 && answer.code === "server_error")
      request.log.error({ err: error }, "request failed");
    return reply.code(answer.status).send(answer.toBody());
  });
  app.setNotFoundHandler((request, reply) => {
    const answer = refused("not_found", `there is no ${request.url.split("?")[0]}`, 404);
    return reply.code(answer.status).send(answer.toBody());
  });
}

/** Answers 405 for the other methods of every path that has a route. Call before the routes are added. */
function refuseOtherMethods(app: App): () => void {
  const methods = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ routePath, method }) => {
    const known = methods.get(routePath) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(routePath, known);
  });
  return () => {
    for (const [url, known] of methods) {
      const others = ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((method) => !known.has(method));
      app.route({
        method: others,
        url,
        config: { undocumented: true },
        handler: ({ method }) => {
          throw refused("method_not_allowed", `${method} is not allowed here`, 405);
        },
      });
    }
  };
}

/** The routes that are added from now on, for the API's document. */
function documentRoutes(app: App): DocumentedRoute[] {
  const routes: DocumentedRoute[] = [];
  app.addHook("onRoute", ({ routePath, method, schema, config }) => {
    if (config?.undocumented) return;
    for (const one of [method].flat()) {
      if (one !== "HEAD") routes.push({ method: one, path: routePath, schema });
    }
  });
  return routes;
}

function toApiError(error: FastifyError | ApiError): ApiError {
  if (error instanceof ApiError) return error;
  const { validation, statusCode, message } = error;
  if (validation) return fromSchemaErrors(validation);
  if (statusCode === 413) return refused("invalid_input", "the request body is too large (at most 1 MiB)");
  if (statusCode === 414) return refused("not_found", "no path is that long", 404);
  if (statusCode !== undefined && statusCode < 500) {
    return new ApiError(statusCode, "invalid_input", message);
  }
  return new ApiError(500, "server_error", "internal error; the local cloud's log says more");
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

function guard(app: App, token: string, perHour: number): void {
  const expected = digest(`Bearer ${token}`);
  // Who has no token is counted, too, but uses up nothing of what the token may do.
  const [owner, strangers] = [new RateLimit(perHour), new RateLimit(perHour)];
  app.addHook("onRequest", (request, reply, done) => {
    void reply.header("X-Correlation-Id", request.id);
    if (request.routeOptions.config.public) return done();
    const given = request.headers.authorization;
    // Digests have the same length: the comparison's time says nothing about the token.
    const isOwner = given !== undefined && timingSafeEqual(digest(given), expected);
    const limit = isOwner ? owner : strangers;
    const remaining = limit.take();
    void reply.headers({
      "RateLimit-Limit": limit.perHour,
      "RateLimit-Remaining": Math.max(0, Math.floor(remaining)),
      "RateLimit-Reset": limit.resetAt(),
    });
    if (remaining < 0) return done(refused("rate_limit_exceeded", "limit of requests per hour reached", 429));
    if (!isOwner) return done(refused("unauthorized", "unable to authenticate", 401));
    done();
  });
}
