import { isDeepStrictEqual } from "node:util";
import type { Diff, DiffKind } from "../resource.js";
import { isKnown, type Properties } from "../values.js";
import type { FileInput, RoleContent } from "./inputs.js";
import { roleDigest } from "./specification.js";

/** Not part of what is applied: how to reach the machine, and what has to come first. */
const unapplied = new Set(["connection", "after"]);

/**
 * What an `up` would change, file by file. After a refresh `olds` holds what was found on the machine, so that a
 * change made there by hand shows in the same way.
 */
export function diffRole(digest: string, olds: RoleContent, news: RoleContent): Diff {
  const changes: Record<string, DiffKind> = {};
  const before: Properties = olds;
  const after: Properties = news;
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (name === "files" || unapplied.has(name)) continue;
    if (isEmpty(before[name]) && isEmpty(after[name])) continue;
    if (!isDeepStrictEqual(before[name], after[name])) changes[name] = kind(before[name], after[name]);
  }
  const oldFiles = olds.files ?? {};
  const newFiles = news.files ?? {};
  for (const path of new Set([...Object.keys(oldFiles), ...Object.keys(newFiles)]))
    Object.assign(changes, diffFile(`files[${JSON.stringify(path)}]`, oldFiles[path], newFiles[path]));
  // The machine's own record does not name this set: an application was cut off, or somebody restored an old disk.
  if (Object.keys(changes).length === 0 && isKnown(after) && roleDigest(news) !== digest)
    changes["digest"] = "update";
  return { changes, replaces: "serverId" in changes ? ["serverId"] : [] };
}

function diffFile(path: string, old?: FileInput, next?: FileInput): Record<string, DiffKind> {
  if (!old || !next) return { [path]: kind(old, next) };
  const changes: Record<string, DiffKind> = {};
  for (const name of ["content", "owner", "group"] as const)
    if (old[name] !== next[name]) changes[`${path}.${name}`] = "update";
  // 0640 and 640 are the same mode; an unknown one is none.
  if (Number.parseInt(old.mode, 8) !== (isKnown(next.mode) ? Number.parseInt(next.mode, 8) : undefined))
    changes[`${path}.mode`] = "update";
  return changes;
}

function kind(before: unknown, after: unknown): DiffKind {
  if (before === undefined) return "add";
  return after === undefined ? "delete" : "update";
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
