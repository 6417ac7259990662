import { changedContent } from "../release/diff.js";
import type { DiffKind } from "../resource.js";
import { diffRole } from "../role/diff.js";
import { roleDigest } from "../role/specification.js";
import { isObject } from "../values.js";
import { contentId, type PackageContent } from "./content.js";

type Changes = Record<string, DiffKind>;

/**
 * What differs between two packages, by property path. Empty when machines get the same of both, whatever their archives
 * look like.
 * @param packed the id of the content that is in the bucket
 */
export function changedPackage(packed: string, olds: PackageContent, news: PackageContent): Changes {
  if (contentId(news) === packed) return {};
  const changes = { ...changedRoles(olds.roles, news.roles), ...changedRelease(olds.release, news.release) };
  // Ours: the scripts, or how a package is laid out. Or somebody took it out of the bucket.
  return Object.keys(changes).length > 0 ? changes : { contentId: "update" };
}

/** In a preview, the list or a role in it may be unknown. */
function changedRoles(olds: PackageContent["roles"], news: PackageContent["roles"]): Changes {
  if (!Array.isArray(news)) return { roles: "update" };
  const changes: Changes = {};
  for (let index = 0; index < Math.max(olds.length, news.length); index++) {
    const [before, after] = [olds[index], news[index]];
    const path = `roles[${index}]`;
    if (!before) changes[path] = "add";
    else if (!after) changes[path] = "delete";
    else if (!isObject(after)) changes[path] = "update";
    else Object.assign(changes, below(path, diffRole(roleDigest(before) ?? "", before, after).changes));
  }
  return changes;
}

function changedRelease(olds: PackageContent["release"], news: PackageContent["release"]): Changes {
  return isObject(news) ? below("release", changedContent(olds, news)) : { release: "update" };
}

function below(path: string, changes: Changes): Changes {
  return Object.fromEntries(Object.entries(changes).map(([name, kind]) => [`${path}.${name}`, kind]));
}
