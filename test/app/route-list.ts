import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { FastifyInstance, HTTPMethods } from "fastify";

export interface Route {
  method: HTTPMethods;
  /** With its parameters: `/s/:slug`. */
  url: string;
}

/** Runs what makes a service, and takes the list of its routes from Fastify itself: no route can be forgotten. */
export async function withRoutes<Result>(
  start: () => Promise<Result>,
): Promise<{ result: Result; routes: Route[] }> {
  const routes: Route[] = [];
  const collect = (message: unknown): void => {
    (message as { fastify: FastifyInstance }).fastify.addHook("onRoute", ({ method, url }) => {
      for (const each of [method].flat()) routes.push({ method: each, url });
    });
  };
  subscribe("fastify.initialization", collect);
  try {
    return { result: await start(), routes };
  } finally {
    unsubscribe("fastify.initialization", collect);
  }
}
