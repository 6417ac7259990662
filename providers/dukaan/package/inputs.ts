import { checkReleaseContent } from "../release/inputs.js";
import type { CheckFailure } from "../resource.js";
import { checkPublic, checkRoleContent } from "../role/inputs.js";
import { isKnown, isObject, isSecret, mapValues, secret, type Properties, type Value } from "../values.js";
import type { PackageContent } from "./content.js";
import type { Bucket } from "./storage.js";

/** Inputs of a package as the schema has made sure of them; in a preview, any value may be `unknown`. */
export type PackageInputs = PackageContent & Bucket & { after?: string[] };

/** Everything that the schema cannot say. */
export function checkPackage(news: PackageInputs, wrapped: Properties): CheckFailure[] {
  const roles = Array.isArray(news.roles) ? news.roles : [];
  const release = isObject(news.release) ? checkReleaseContent(news.release) : [];
  return [
    ...checkBucket(news),
    ...roles.flatMap((role, index) => below(`roles[${index}]`, isObject(role) ? checkRoleContent(role) : [])),
    ...below("release", release),
    ...checkSecrets(wrapped),
  ];
}

/** Secrets are where the machine keeps them from others, and nowhere else. */
function checkSecrets(wrapped: Properties): CheckFailure[] {
  const roles = wrapped["roles"] ?? [];
  const release = wrapped["release"] ?? {};
  const publicOf = (path: string, value: Value, mayBeSecret: string[]) =>
    isObject(value) && !isSecret(value)
      ? below(path, checkPublic(value, mayBeSecret))
      : checkPublic({ [path]: value }, []);
  return [
    ...checkPublic(wrapped, ["roles", "release"]),
    ...(Array.isArray(roles)
      ? roles.flatMap((role, index) => publicOf(`roles[${index}]`, role, ["files"]))
      : checkPublic({ roles }, [])),
    ...publicOf("release", release, ["environment"]),
  ];
}

function checkBucket({ endpoint, region, bucket }: Bucket): CheckFailure[] {
  const failures: CheckFailure[] = [];
  const expect = (property: string, value: string, pattern: RegExp, wanted: string) => {
    if (isKnown(value) && !pattern.test(value))
      failures.push({ property, reason: `${JSON.stringify(value)} is not ${wanted}` });
  };
  const origin = "an origin such as https://s3.us-east-1.amazonaws.com";
  expect("endpoint", endpoint, /^https?:\/\/[\w.:[\]-]+$/, origin);
  expect("region", region, /^[a-z0-9-]+$/, "a region such as us-east-1");
  expect("bucket", bucket, /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "the name of a bucket");
  return failures;
}

function below(path: string, failures: CheckFailure[]): CheckFailure[] {
  return failures.map(({ property, reason }) => ({ property: `${path}.${property}`, reason }));
}

/** A file with a secret content is marked as one, and what is marked as one has a secret content. */
export function sealRoles(wrapped: Properties): Properties {
  const { roles } = wrapped;
  if (!Array.isArray(roles)) return wrapped;
  return { ...wrapped, roles: roles.map((role) => (isObject(role) ? sealRole(role) : role)) };
}

function sealRole(role: Properties): Properties {
  const files = role["files"];
  const all = isSecret(files);
  const byPath = all ? files.value : files;
  if (!isObject(byPath)) return role;
  const sealed = mapValues(byPath, (file) => {
    const isSecretFile = all || isSecret(file) || (isObject(file) && file["secret"] === true);
    const plain = isSecret(file) ? file.value : file;
    if (!isObject(plain) || !(isSecretFile || isSecret(plain["content"]))) return file;
    return { ...plain, content: secret(plain["content"] ?? ""), secret: true };
  });
  return { ...role, files: sealed };
}
