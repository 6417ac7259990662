import { copyFile, rename, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import type { Sabotage, Target } from "./sabotage.js";

/** A statement that makes the state tell something else, also something that contradicts itself. */
const inState = (what: string, statement: (target: Target) => string, says: RegExp): Sabotage => ({
  what: `in the state, ${what}`,
  break: async (target) => {
    const database = new DatabaseSync(target.stateFile, { enableForeignKeyConstraints: false });
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    await copyFile(target.stateFile, `${target.stateFile}.before`);
    database.exec(statement(target));
    database.close();
  },
  mend: async ({ stateFile }) => {
    await rename(`${stateFile}.before`, stateFile);
    for (const part of ["-wal", "-shm"]) await rm(`${stateFile}${part}`, { force: true });
  },
  says,
});

const server = (change: string) => () => `UPDATE servers SET ${change}`;

/** What the state can be made to tell that is not so. */
export const inTheState: Sabotage[] = [
  inState("a server's status", server("status = 'off'"), /\(web\): the state says off, its machine is on/),
  inState(
    "a status of the past",
    server("status = 'starting'"),
    /\(web\): is starting, and no action is under way/,
  ),
  inState("a server's type", server("server_type = 'cx33'"), /\(web\): limits: the computer has/),
  inState("used user-data", server("user_data = 'x'"), /\(web\): .* the state still holds its user-data/),
  inState(
    "a server's public address",
    () => "UPDATE primary_ips SET ip = '203.0.113.250' WHERE type = 'ipv4'",
    /\(web\): public addresses: the computer has/,
  ),
  inState(
    "an address that two have",
    () => "UPDATE load_balancers SET ipv4 = (SELECT ip FROM primary_ips WHERE type = 'ipv4')",
    /the state: the address 203\.0\.113\.\d+ was given twice/,
  ),
  inState(
    "an address in a network",
    () => "UPDATE server_networks SET ip = '10.0.0.9'",
    /\(web\): private networks: the computer has/,
  ),
  inState(
    "a network's range",
    () => "UPDATE networks SET ip_range = '10.0.0.0/8'",
    /network \d+ \(net\): what its router is told/,
  ),
  inState(
    "a firewall that was never applied",
    ({ web }) => `INSERT INTO firewalls VALUES (77, 'x', '[]', '{}', '');
      INSERT INTO firewall_servers VALUES (77, ${web})`,
    /\(web\): firewall: the computer has null/,
  ),
  inState(
    "whose a volume is",
    () => "UPDATE volumes SET server_id = NULL WHERE name = 'used'",
    /\(web\): volumes: the computer has \["\d+"\], the state says \[\]/,
  ),
  inState(
    "a volume's status",
    () => "UPDATE volumes SET status = 'creating' WHERE name = 'spare'",
    /\(spare\): is creating, and no action is under way/,
  ),
  inState(
    "a server that is gone",
    () => "DELETE FROM servers",
    /machine \d+: is on this computer, and the state has no such server/,
  ),
  inState(
    "a row that names one that is not there",
    () => "DELETE FROM networks",
    /the state: a row of server_networks names a row of networks that is not there/,
  ),
  inState(
    "a load balancer that was never made",
    () => "UPDATE load_balancers SET id = 77",
    /load balancer 77 \(front\): is not on this computer/,
  ),
  inState(
    "a zone's records",
    () => "UPDATE zones SET ttl = 77",
    /the name server: its file of check\.test is not what the state says/,
  ),
  inState(
    "a zone too many",
    () => "INSERT INTO zones VALUES (77, 'more.test', 60, 1, 0, '{}', '')",
    /the name server: zone more\.test is missing/,
  ),
  inState("no zone at all", () => "DELETE FROM zones", /the name server: runs, and there is no zone/),
];
