import cookie from "@fastify/cookie";
import formbody from "@fastify/formbody";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import fastify, { LogController, type FastifyBaseLogger } from "fastify";
import { randomUUID } from "node:crypto";
import { registerAdminRoutes } from "./admin/routes.js";
import { registerApiV1 } from "./api-v1.js";
import { createAuth } from "./auth/auth.js";
import { registerMerchantArea } from "./auth/merchant-area.js";
import { registerSignInRoutes, registerSignOutRoutes } from "./auth/routes.js";
import { registerCartRoutes } from "./cart/routes.js";
import { registerCatalogueRoutes } from "./catalogue/routes.js";
import type { OpenDatabase } from "./database/database.js";
import type { ServerEnvironment } from "./environment.js";
import { FeatureFlags } from "./flags.js";
import type { App } from "./http/app.js";
import { Assets, registerAssets } from "./http/assets.js";
import { registerErrorHandlers, sendError } from "./http/errors.js";
import { guardByFlags } from "./http/flag-guard.js";
import { registerHealth, type Health } from "./http/health.js";
import { registerMetrics } from "./http/metrics.js";
import { compileValidator } from "./http/validator.js";
import { refuseCrossOrigin } from "./http/origin-check.js";
import { createGuardedServer, LoadGate } from "./http/overload.js";
import { securityHeaders } from "./http/security-headers.js";
import { registerOrderRoutes } from "./orders/routes.js";
import { Encoder } from "./images/encoder.js";
import { S3ImageStore } from "./images/image-store.js";
import { registerImageRoutes } from "./images/routes.js";
import { createLayout } from "./pages/layout.js";
import { assetsDirectory, migrationsDirectory } from "./release-files.js";
import type { Services } from "./services.js";
import { createSmsGateway } from "./sms/gateway.js";
import { registerHomePage, registerStoreRoutes } from "./stores/routes.js";

export interface AppOptions extends OpenDatabase {
  environment: ServerEnvironment;
  logger: FastifyBaseLogger;
}

/** Puts the service together; it does not listen yet. */
export async function createApp(
  options: AppOptions,
): Promise<{ app: App; health: Health; services: Services }> {
  const { environment, db, pool, queue, logger } = options;
  const assets = new Assets(assetsDirectory);
  const layout = createLayout(assets);
  const flags = new FeatureFlags(db);
  flags.onSwitched = (flag, enabled) => logger.warn({ flag, enabled }, "feature flag switched");
  const gate = new LoadGate(queue);
  const headers = securityHeaders(environment.publicUrl);
  const services: Services = {
    db,
    environment,
    flags,
    layout,
    images: environment.images && {
      store: new S3ImageStore(environment.images),
      encoder: new Encoder(),
    },
    ...createAuth(db, environment.sessionSecret, createSmsGateway(environment.sms, logger), flags),
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
    serverFactory: (handler, http) => createGuardedServer(handler, { gate, layout, headers, logger, http }),
    frameworkErrors: (error, request, reply) => {
      void sendError(layout, error, request, reply);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => JSON.stringify);

  app.addHook("onClose", () => services.images?.store.close());
  registerErrorHandlers(app, layout);
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(headers).header("x-request-id", request.id);
    done();
  });
  logRequests(app);
  registerMetrics(app, { pool, queue, gate }, onUnixSocket);
  await app.register(cookie);
  await app.register(formbody);
  app.addHook("onRequest", (request, _reply, done) => {
    refuseCrossOrigin(request, environment.publicUrl);
    done();
  });
  guardByFlags(app, flags);

  const health = registerHealth(app, db, migrationsDirectory, environment.releaseId);
  registerAssets(app, assets);
  registerHomePage(app, services);
  registerCatalogueRoutes(app, services);
  registerImageRoutes(app, services);
  registerCartRoutes(app, services);
  registerOrderRoutes(app, services);
  registerSignInRoutes(app, services);
  await registerMerchantArea(app, services, (area) => {
    registerSignOutRoutes(area, services);
    registerStoreRoutes(area, services);
    registerAdminRoutes(area, services);
  });
  registerApiV1(app, services);
  return { app, health, services };
}

/** One line for each answered request. Addresses of orders and cookies are secrets, so the route is logged instead. */
function logRequests(app: App): void {
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
