import type { ActionLog } from "../state/actions.js";
import type { Cloud } from "./cloud.js";
import { firewallSpec } from "./firewall-rows.js";
import { forgetServer } from "./jobs.js";
import type { NetworkJobs } from "./network-jobs.js";
import { publicAddressesOf } from "./public-addresses.js";
import { attachmentsOf, setStatus, type ServerRow } from "./server-rows.js";
import { volumesOf } from "./volume-rows.js";

/** Commands that themselves see to whether a machine is there and runs. */
const switching = new Set([
  "change_server_type",
  "create_server",
  "delete_server",
  "reboot_server",
  "rebuild_server",
  "reset_server",
  "shutdown_server",
  "start_server",
  "stop_server",
]);

/**
 * Makes state and computer tell the same story after a start: machines that still run are adopted, servers that should
 * run are started, machines that no server has are removed, servers that lost their machine are forgotten. What an
 * interrupted action was about is left to that action, which runs again afterwards. What the computer refuses is logged
 * and concerns that one thing only: the rest of the cloud comes up.
 */
export async function reconcile(cloud: Cloud, networks: NetworkJobs, log: ActionLog): Promise<void> {
  const { state, actions, host } = cloud;
  const servers = state.all<ServerRow>("SELECT * FROM servers");
  const machines = new Map((await host.machines()).map((machine) => [machine.id, machine]));
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.error({ err: error }, `${what} failed; the local cloud goes on without it`);
    }
  };
  const removeUnknown = async (
    kind: string,
    table: string,
    present: string[],
    remove: (id: string) => Promise<void>,
  ): Promise<void> => {
    const known = new Set(state.all<{ id: number }>(`SELECT id FROM ${table}`).map(({ id }) => String(id)));
    for (const id of present.filter((one) => !known.has(one))) {
      log.info({ [kind]: id }, `removing a ${kind} that is not in the state`);
      await attempt(`removing ${kind} ${id}`, () => remove(id));
    }
  };
  await removeUnknown("machine", "servers", [...machines.keys()], (id) => host.removeMachine(id));
  await removeUnknown("network", "networks", await host.networks(), (id) => host.removeNetwork(id));
  await removeUnknown("load balancer", "load_balancers", await host.loadBalancers.ids(), (id) =>
    host.loadBalancers.remove(id),
  );
  await removeUnknown("image", "images", await host.images.ids(), (id) => host.images.remove(id));
  await removeUnknown("volume", "volumes", await host.volumes(), (id) => host.removeVolume(id));

  const wire = async (server: ServerRow): Promise<void> => {
    const id = String(server.id);
    await host.setPublicAddresses(id, publicAddressesOf(state, server.id));
    await host.setFirewall(id, firewallSpec(state, server));
    for (const attachment of attachmentsOf(state, server.id)) {
      await networks.attach(server.id, attachment.network_id);
    }
    for (const volume of volumesOf(state, server.id)) {
      await host.attachVolume(id, String(volume.id), false);
    }
  };
  const adopt = async (server: ServerRow): Promise<void> => {
    const id = String(server.id);
    const interrupted = actions.runningOn({ type: "server", id: server.id });
    if (interrupted.some((command) => switching.has(command))) return;
    const machine = machines.get(id);
    if (!machine) {
      log.error({ server: server.id, name: server.name }, "the server has lost its machine and is forgotten");
      state.transaction(() => {
        // They may be all that is left of it.
        state.run("UPDATE images SET type = 'snapshot', bound_to = NULL WHERE bound_to = ?", server.id);
        forgetServer(cloud, server.id);
      });
      return;
    }
    if (interrupted.length === 0) await attempt(`wiring server ${server.id}`, () => wire(server));
    const shouldRun = server.status !== "off";
    if (!machine.running && shouldRun) {
      setStatus(state, server.id, "starting");
      actions.start("start_server", [{ type: "server", id: server.id }]);
    } else setStatus(state, server.id, machine.running ? "running" : "off");
  };
  await Promise.all(servers.map((server) => attempt(`adopting server ${server.id}`, () => adopt(server))));
}
