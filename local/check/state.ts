import type { ServerRow } from "../api/server-rows.js";
import type { VolumeRow } from "../api/volume-rows.js";
import { type Look, subjectOf } from "./look.js";

/** What a server is while an action works on it, and never for longer. */
const passing: ReadonlySet<ServerRow["status"]> = new Set([
  "initializing",
  "starting",
  "stopping",
  "deleting",
  "migrating",
  "rebuilding",
  "unknown",
]);

const addresses = `SELECT ip FROM primary_ips UNION ALL SELECT ip FROM floating_ips
  UNION ALL SELECT ipv4 FROM load_balancers UNION ALL SELECT ipv6 FROM load_balancers`;

/** Whether the state is in itself a story that can be true. */
export function checkState(look: Look): void {
  const { state } = look.cloud;
  for (const { message } of state.all<{ message: string }>(
    "SELECT quick_check AS message FROM pragma_quick_check WHERE quick_check <> 'ok'",
  )) {
    look.differ("the state", `SQLite finds it damaged: ${message}`);
  }
  for (const row of state.all<{ table: string; parent: string }>("PRAGMA foreign_key_check")) {
    look.differ("the state", `a row of ${row.table} names a row of ${row.parent} that is not there`);
  }
  for (const { ip } of state.all<{ ip: string }>(
    `SELECT ip FROM (${addresses}) GROUP BY ip HAVING count(*) > 1`,
  )) {
    look.differ("the state", `the address ${ip} was given twice`);
  }
  for (const server of state.all<ServerRow>("SELECT * FROM servers")) {
    if (look.busy.has(`server:${server.id}`)) continue;
    const subject = subjectOf("server", server);
    if (passing.has(server.status)) look.differ(subject, `is ${server.status}, and no action is under way`);
    // They may hold secrets, and are with the machine by then.
    if (server.user_data !== null || server.authorized_keys !== null)
      look.differ(subject, "is made, and the state still holds its user-data");
  }
  for (const volume of state.all<VolumeRow>("SELECT * FROM volumes WHERE status <> 'available'")) {
    if (look.busy.has(`volume:${volume.id}`)) continue;
    look.differ(subjectOf("volume", volume), `is ${volume.status}, and no action is under way`);
  }
}
