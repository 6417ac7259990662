import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { App } from "./app.js";
import { notFound } from "./problem.js";

const CONTENT_TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

const YEAR = 365 * 24 * 60 * 60;

interface Asset {
  body: Buffer;
  contentType: string;
  digest: string;
}

/** The files that browsers load, held in memory, under paths that change with their content. */
export class Assets {
  readonly #files: ReadonlyMap<string, Asset>;

  constructor(directory: string) {
    this.#files = new Map(
      readdirSync(directory)
        .sort()
        .map((name) => [name, readAsset(join(directory, name))]),
    );
  }

  /** Address of a file for use in a page. Throws when there is no such file: a page must not name one. */
  path(name: string): string {
    const asset = this.#files.get(name);
    if (!asset) throw new Error(`There is no asset named ${name}`);
    return `/assets/${asset.digest}/${name}`;
  }

  find(name: string): Asset | undefined {
    return this.#files.get(name);
  }
}

function readAsset(path: string): Asset {
  const contentType = CONTENT_TYPES[extname(path)];
  if (!contentType) throw new Error(`No content type is known for the asset ${path}`);
  const body = readFileSync(path);
  return { body, contentType, digest: hash("sha256", body, "hex").slice(0, 16) };
}

/** Serves /assets/<digest>/<name>. */
export function registerAssets(app: App, assets: Assets): void {
  app.get<{ Params: { digest: string; name: string } }>("/assets/:digest/:name", (request, reply) => {
    const asset = assets.find(request.params.name);
    if (!asset) throw notFound("There is no such file.");
    // While a release is switched, a page of one may ask the other for its style: better today's file than none.
    const current = asset.digest === request.params.digest;
    reply.header("cache-control", current ? `public, max-age=${YEAR}, immutable` : "no-store");
    return reply.type(asset.contentType).send(asset.body);
  });
}
