import { contentId } from "../package/content.js";
import { changedPackage } from "../package/diff.js";
import { checkPackage, sealRoles, type PackageInputs } from "../package/inputs.js";
import type { Context, DiffKind, ResourceType } from "../resource.js";
import { isKnown, unknown, type Properties } from "../values.js";
import { changedInputs } from "./changed-inputs.js";

type PackageOutputs = { key: string; digest: string; contentId: string };

/** Roles and a release in a bucket, as one archive from which machines configure themselves when they boot. */
export const bootPackage: ResourceType<PackageInputs, PackageOutputs> = {
  check: (news, _olds, wrapped) => checkPackage(news, wrapped),

  store: sealRoles,

  diff({ olds, oldInputs, news }) {
    const changes: Record<string, DiffKind> = {
      ...changedInputs(placeOf(oldInputs), placeOf(news)),
      ...changedPackage(olds.contentId, oldInputs, news),
    };
    return { changes, replaces: ["bucket"].filter((name) => name in changes) };
  },

  async create(inputs, context) {
    const id = isKnown(inputs.bucket) ? `${inputs.bucket}/boot` : "";
    return { id, outputs: await upload(inputs, context) };
  },

  async update({ news }, context) {
    return upload(news, context);
  },

  async read({ inputs, wrapped, outputs }, { signal }) {
    const { isComplete } = await import("../package/upload.js");
    const { key } = outputs;
    const found = typeof key === "string" && (await isComplete(inputs, key, signal));
    return { outputs: found ? outputs : { ...outputs, contentId: "not complete" }, inputs: wrapped };
  },

  async delete({ inputs }, { signal }) {
    const { removePackages } = await import("../package/upload.js");
    await removePackages(inputs, signal);
  },
};

function placeOf({ endpoint, region, bucket }: PackageInputs): Properties {
  return { endpoint, region, bucket };
}

/** Nothing of what is in the package becomes an output. */
async function upload(inputs: PackageInputs, context: Context): Promise<Properties> {
  const id = contentId(inputs) ?? unknown;
  if (context.preview) return { contentId: id, key: unknown, digest: unknown };
  const { uploadPackage } = await import("../package/upload.js");
  const { key, digest } = await uploadPackage(inputs, context);
  return { contentId: id, key, digest };
}
