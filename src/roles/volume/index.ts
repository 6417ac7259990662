import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/volume";
const program = "/usr/local/lib/dukaan/volume";
const maker = "/usr/local/lib/dukaan/make-file-system";
const configuration = "/etc/dukaan/volume";

export interface VolumeRoleArgs {
  /** Where the volume appears, e.g. "/dev/disk/by-id/scsi-0HC_Volume_4711". */
  device: pulumi.Input<string>;
  /** Its size; a larger one lets the file system grow. */
  sizeGB: pulumi.Input<number>;
  /** Where it is mounted, e.g. "/var/lib/postgresql". */
  path: string;
  /** The cloud makes no file system on it. @default false */
  blank?: boolean | undefined;
}

/** Mounts a machine's volume. What is on it is never touched; an empty one gets its file system where the cloud makes none. */
export function volume({ device, sizeGB, path, blank }: VolumeRoleArgs): RoleDefinition {
  // systemd.mount(5): a unit of this kind is named after its path.
  const unit = `${path.slice(1).replaceAll("/", "-")}.mount`;
  const root = { owner: "root", group: "root", mode: "0644" };
  return {
    name: "volume",
    files: [
      {
        path: `/etc/systemd/system/${unit}`,
        content: pulumi
          .output(device)
          .apply((text) => renderTemplate(`${here}/volume.mount`, { device: text, path })),
        ...root,
      },
      {
        path: configuration,
        content: pulumi.interpolate`device=${device}\nsizeGB=${sizeGB}\npath=${path}\n`,
        ...root,
      },
      { path: program, content: renderTemplate(`${here}/volume.sh`), ...root, mode: "0755" },
      ...(blank
        ? [{ path: maker, content: renderTemplate(`${here}/make-file-system.sh`), ...root, mode: "0755" }]
        : []),
    ],
    validate: [
      // Here, because the unit that mounts it is started next; never again at a boot.
      ...(blank ? [["sh", `{root}${maker}`, `{root}${configuration}`]] : []),
      ["sh", `{root}${program}`, "check", `{root}${configuration}`],
    ],
    services: [{ name: unit, enabled: true, onChange: "none" }],
    activate: [[program, "grow"]],
    checks: [{ command: ["mountpoint", "--quiet", path], timeoutSeconds: 10 }],
  };
}
