import type { ActionLog } from "../state/actions.js";
import type { Cloud } from "./cloud.js";
import { firewallSpec } from "./firewall-rows.js";
import { forgetServer } from "./jobs.js";
import type { NetworkJobs } from "./network-jobs.js";
import { publicAddressesOf } from "./primary-ip-rows.js";
import { attachmentsOf, setStatus, type ServerRow } from "./server-rows.js";

/** Commands that themselves see to whether a machine is there and runs. */
const switching = new Set([
  "change_server_type",
  "create_server",
  "delete_server",
  "reboot_server",
  "reset_server",
  "shutdown_server",
  "start_server",
  "stop_server",
]);

/**
 * Makes state and computer tell the same story after a start: machines that still run are adopted, servers that should
 * run are started, machines that no server has are removed, servers that lost their machine are forgotten. What an
 * interrupted action was about is left to that action, which runs again afterwards.
 */
export async function reconcile(cloud: Cloud, networks: NetworkJobs, log: ActionLog): Promise<void> {
  const { state, actions, host } = cloud;
  const servers = state.all<ServerRow>("SELECT * FROM servers");
  const machines = new Map((await host.machines()).map((machine) => [machine.id, machine]));
  const known = new Set(servers.map(({ id }) => String(id)));

  for (const { id } of machines.values()) {
    if (known.has(id)) continue;
    log.info({ machine: id }, "removing a machine that no server has");
    await host.removeMachine(id);
  }
  await Promise.all(
    servers.map(async (server) => {
      const id = String(server.id);
      const interrupted = actions.runningOn({ type: "server", id: server.id });
      if (interrupted.some((command) => switching.has(command))) return;
      const machine = machines.get(id);
      if (!machine) {
        log.error(
          { server: server.id, name: server.name },
          "the server has lost its machine and is forgotten",
        );
        state.transaction(() => forgetServer(cloud, server.id));
        return;
      }
      if (interrupted.length === 0) {
        await host.setPublicAddresses(id, publicAddressesOf(state, server.id));
        await host.setFirewall(id, firewallSpec(state, server));
        for (const attachment of attachmentsOf(state, server.id)) {
          await networks.attach(server.id, attachment.network_id);
        }
      }
      const shouldRun = server.status !== "off";
      if (!machine.running && shouldRun) {
        setStatus(state, server.id, "starting");
        actions.start("start_server", [{ type: "server", id: server.id }]);
      } else setStatus(state, server.id, machine.running ? "running" : "off");
    }),
  );
}
