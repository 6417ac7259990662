import { renderTemplate } from "../../template.js";
import type { Machine } from "../../topology/topology.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/api";

/** Runs the app; owns nothing but its sockets. */
export const user = "dukaan";

/**
 * What a release may take on the smallest machine, in MiB: the app under full load (143 MB, apps/README.md), beside it the
 * worst picture that is accepted (120 MB in its child, docs/decisions/0012), and three uploads of 10 MB, held twice while
 * their parts are put together: 323 MB, and a little for pipes and sockets. It is a limit and no reservation: in normal
 * work there is no picture, and all services of the machine together stay below 400 MB.
 */
const LEAST_MEMORY_MIB = 314;

/** The ground that releases of the app stand on: its user, the directory of its sockets, its systemd unit. */
export function api({ memoryMiB }: Pick<Machine, "memoryMiB">): RoleDefinition {
  const root = { owner: "root", group: "root", mode: "0644" };
  return {
    name: "api",
    users: [{ name: user, system: true }],
    files: [
      {
        path: "/etc/systemd/system/dukaan-api@.service",
        content: renderTemplate(`${here}/dukaan-api@.service`, {
          user,
          memoryMaxMiB: Math.max(LEAST_MEMORY_MIB, Math.floor(memoryMiB * 0.45)),
        }),
        ...root,
      },
      {
        path: "/etc/tmpfiles.d/dukaan.conf",
        content: renderTemplate(`${here}/tmpfiles.conf`, { user }),
        ...root,
      },
      {
        path: "/usr/local/lib/dukaan/publish-socket",
        content: renderTemplate(`${here}/publish-socket.sh`),
        ...root,
        mode: "0755",
      },
      {
        path: "/usr/local/lib/dukaan/current-release",
        content: renderTemplate(`${here}/current-release.sh`),
        ...root,
        mode: "0755",
      },
    ],
    activate: [["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/dukaan.conf"]],
  };
}

/**
 * Options of Node.js for a machine of this size. The heap's limit makes the collector work before the machine swaps.
 * @returns e.g. "--max-old-space-size=96 …"
 */
export function nodeOptions({ memoryMiB }: Pick<Machine, "memoryMiB">): string {
  const heapMiB = Math.max(96, Math.min(1024, Math.floor(memoryMiB / 5)));
  return `--max-old-space-size=${heapMiB} --max-semi-space-size=${memoryMiB <= 1024 ? 8 : 16}`;
}
