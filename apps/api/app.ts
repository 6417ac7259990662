import cookie from "@fastify/cookie";
import formbody from "@fastify/formbody";
import helmet from "@fastify/helmet";
import { TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import fastify, { LogController, type FastifyBaseLogger } from "fastify";
import { randomUUID } from "node:crypto";
import type pg from "pg";
import { registerAdminRoutes } from "./admin/routes.js";
import { registerApiV1 } from "./api-v1.js";
import { createAuth } from "./auth/auth.js";
import { registerMerchantArea } from "./auth/merchant-area.js";
import { registerSignInRoutes, registerSignOutRoutes } from "./auth/routes.js";
import { registerCartRoutes } from "./cart/routes.js";
import { registerCatalogueRoutes } from "./catalogue/routes.js";
import type { Database } from "./database/database.js";
import type { ServerEnvironment } from "./environment.js";
import { FeatureFlags } from "./flags.js";
import type { App } from "./http/app.js";
import { Assets, registerAssets } from "./http/assets.js";
import { registerErrorHandlers, sendError } from "./http/errors.js";
import { registerHealth, type Health } from "./http/health.js";
import { registerMetrics } from "./http/metrics.js";
import { refuseCrossOrigin } from "./http/origin-check.js";
import { Problem } from "./http/problem.js";
import { registerOrderRoutes } from "./orders/routes.js";
import { createLayout } from "./pages/layout.js";
import { assetsDirectory, migrationsDirectory } from "./release-files.js";
import type { Services } from "./services.js";
import { createSmsGateway } from "./sms/gateway.js";
import { registerHomePage, registerStoreRoutes } from "./stores/routes.js";

export interface AppOptions {
  environment: ServerEnvironment;
  db: Database;
  pool: pg.Pool;
  logger: FastifyBaseLogger;
}

/** Puts the service together; it does not listen yet. */
export async function createApp(options: AppOptions): Promise<{ app: App; health: Health }> {
  const { environment, db, pool, logger } = options;
  const assets = new Assets(assetsDirectory);
  const layout = createLayout(assets);
  const flags = new FeatureFlags(db);
  const services: Services = {
    db,
    environment,
    flags,
    layout,
    ...createAuth(db, environment.sessionSecret, createSmsGateway(environment.sms, logger)),
  };
  const onUnixSocket = "socket" in environment.listen;

  const app: App = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => requestId(request.headers["x-request-id"]),
    // Only nginx can open the Unix socket; the last address it adds to X-Forwarded-For is the one it saw itself.
    trustProxy: onUnixSocket ? (_address, hop) => hop === 0 : false,
    bodyLimit: 64 * 1024,
    requestTimeout: 15_000,
    handlerTimeout: 15_000,
    keepAliveTimeout: 75_000,
    // What was accepted before a shutdown is served to the end.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      void sendError(layout, error, request, reply);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify);

  registerErrorHandlers(app, layout);
  logRequests(app);
  registerMetrics(app, pool, onUnixSocket);
  await app.register(helmet, securityHeaders(environment));
  await app.register(cookie);
  await app.register(formbody);
  app.addHook("onRequest", async (request) => {
    refuseCrossOrigin(request, environment.publicUrl);
    await refuseWhenReadOnly(request.method, flags);
  });

  const health = registerHealth(app, pool, migrationsDirectory, environment.releaseId);
  registerAssets(app, assets);
  registerHomePage(app, services);
  registerCatalogueRoutes(app, services);
  registerCartRoutes(app, services);
  registerOrderRoutes(app, services);
  registerSignInRoutes(app, services);
  await registerMerchantArea(app, services, (area) => {
    registerSignOutRoutes(area, services);
    registerStoreRoutes(area, services);
    registerAdminRoutes(area, services);
  });
  registerApiV1(app, services);
  return { app, health };
}

/** One line for each answered request. Addresses of orders and cookies are secrets, so the route is logged instead. */
function logRequests(app: App): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-request-id", request.id);
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { method, ip, params, routeOptions } = request;
    const store = typeof params === "object" && params && "slug" in params ? params.slug : undefined;
    request.log.info(
      {
        method,
        route: routeOptions.url,
        store,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ip,
      },
      "request",
    );
    done();
  });
}

function requestId(header: string | string[] | undefined): string {
  return typeof header === "string" && /^[\w-]{8,64}$/.test(header) ? header : randomUUID();
}

async function refuseWhenReadOnly(method: string, flags: FeatureFlags): Promise<void> {
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") return;
  if (await flags.isEnabled("read_only"))
    throw new Problem(
      503,
      "read-only",
      "Orders and changes pause for a moment. Nothing was lost; please try again.",
      {
        retryAfter: 5,
      },
    );
}

function securityHeaders(environment: ServerEnvironment) {
  const secure = environment.publicUrl.startsWith("https:");
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // "no-referrer" would turn the Origin of our own forms into "null".
    referrerPolicy: { policy: "same-origin" as const },
    strictTransportSecurity: secure && { maxAge: 180 * 24 * 60 * 60, includeSubDomains: false },
  };
}
