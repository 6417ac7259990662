import { isDeepStrictEqual } from "node:util";
import type { DiffKind } from "../resource.js";
import type { Properties } from "../values.js";

/** The inputs that differ, whatever their depth. Maps come in no particular order. */
export function changedInputs(olds: Properties, news: Properties): Record<string, DiffKind> {
  const changes: Record<string, DiffKind> = {};
  for (const name of new Set([...Object.keys(olds), ...Object.keys(news)])) {
    if (isDeepStrictEqual(olds[name], news[name])) continue;
    changes[name] = olds[name] === undefined ? "add" : news[name] === undefined ? "delete" : "update";
  }
  return changes;
}
