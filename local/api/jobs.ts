import type { Host, MachineLimits } from "../machines/host.js";
import type { ActionLog, Job, RunningAction } from "../state/actions.js";
import { readJson } from "../state/json.js";
import type { Cloud } from "./cloud.js";
import { firewallSpec } from "./firewall-rows.js";
import { floatingIpJobs } from "./floating-ip-actions.js";
import { imageJobs, removeBackups } from "./image-actions.js";
import { backupsOf } from "./image-rows.js";
import type { LoadBalancerJobs } from "./load-balancer-jobs.js";
import { forgetTarget } from "./load-balancer-rows.js";
import { networkOf, type NetworkJobs } from "./network-jobs.js";
import { publicAddressesOf, setAddresses } from "./public-addresses.js";
import { findServer, serverTypeOf, setStatus, type ServerRow } from "./server-rows.js";
import { volumeJobs } from "./volume-actions.js";

/** How long a guest may take to switch itself off: for shutdown it goes on by itself after that, for reboot it fails. */
const shutdownSeconds = 10;
const rebootSeconds = 60;

/**
 * How each command of an action is carried out on the computer. Requests have written what should be into the state;
 * jobs read it there and make it so, as often as they are run.
 */
export function createJobs(
  cloud: Cloud,
  networks: NetworkJobs,
  balancers: LoadBalancerJobs,
  log: ActionLog,
): Record<string, Job> {
  const { state, host } = cloud;

  const serverOf = (action: RunningAction): ServerRow => findServer(state, serverIdOf(action));
  const onServer =
    (work: (server: ServerRow, id: string, action: RunningAction) => Promise<void>): Job["run"] =>
    async (action) => {
      const server = serverOf(action);
      await work(server, String(server.id), action);
    };
  const setFirewall: Job = {
    run: onServer((server, id) => host.setFirewall(id, firewallSpec(state, server))),
  };
  /** Power: whatever fails, the state says what the computer then has. */
  const switching = (
    work: (host: Host, id: string, server: ServerRow, action: RunningAction) => Promise<void>,
    status: "running" | "off",
  ): Job => ({
    run: onServer(async (server, id, action) => {
      try {
        await work(host, id, server, action);
      } catch (error) {
        await readStatus(cloud, server.id);
        throw error;
      }
      setStatus(state, server.id, status);
    }),
  });

  const routerJobs = networks.routerJobs();
  const jobs: Record<string, Job> = {
    create_server: {
      run: onServer(async (server, id) => {
        await host.createMachine({
          id,
          name: server.name,
          image: server.image,
          imageId: imageIdOf(server),
          limits: limitsOf(cloud, server),
          userData: server.user_data ?? "",
          authorizedKeys: readJson<string[]>(server.authorized_keys ?? "[]"),
          addresses: publicAddressesOf(state, server.id),
          firewall: firewallSpec(state, server),
        });
        // Rules may have changed meanwhile, or since a machine was made whose maker was interrupted.
        await host.setFirewall(id, firewallSpec(state, server));
        state.transaction(() => {
          state.update("servers", server.id, { user_data: null, authorized_keys: null });
          const next = cloud.actions.runningOn({ type: "server", id: server.id }).includes("start_server");
          setStatus(state, server.id, next ? "starting" : "off");
          state.scrub();
        });
      }),
      // A server without a machine is none: it disappears, and its name and addresses are free again.
      undo: (action) => {
        const id = serverIdOf(action);
        void host.removeMachine(String(id)).catch(() => undefined);
        forgetServer(cloud, id);
        state.scrub();
      },
    },

    start_server: switching((_, id) => host.startMachine(id), "running"),
    stop_server: switching((_, id) => host.powerOffMachine(id), "off"),
    reset_server: switching(async (_, id) => {
      await host.powerOffMachine(id);
      await host.startMachine(id);
    }, "running"),
    reboot_server: switching(async (_, id, { status }) => {
      // By the state and not by the computer: there it is off, too, when a reboot was interrupted and is run again.
      if (status === "off") throw new Error("the server is off");
      if (!(await host.shutdownMachine(id, rebootSeconds))) {
        throw new Error(`the guest did not react within ${rebootSeconds} seconds`);
      }
      await host.startMachine(id);
    }, "running"),
    // Success says that the guest was asked, as at Hetzner; the status says what came of it.
    shutdown_server: {
      run: onServer(async (server, id) => {
        try {
          await host.shutdownMachine(id, shutdownSeconds);
        } finally {
          await readStatus(cloud, server.id);
        }
      }),
    },

    // User-data is with the machine and runs again on the new disk.
    rebuild_server: switching(async (_, id, server, { arguments: { image, imageId } }) => {
      // One that an earlier version started names no image: the server's row had it already.
      await host.rebuildMachine(id, image === undefined ? imageIdOf(server) : imageId);
      if (image !== undefined) {
        const ofImage = imageId === undefined ? null : Number(imageId);
        state.update("servers", server.id, { image, image_id: ofImage });
      }
      await host.startMachine(id);
    }, "running"),

    change_server_type: switching(async (_, id, server, { arguments: { serverType, upgradeDisk } }) => {
      const changed: ServerRow = { ...server, server_type: String(serverType) };
      if (upgradeDisk === "true") changed.primary_disk_size = serverTypeOf(cloud, changed).disk;
      await host.resizeMachine(id, limitsOf(cloud, changed));
      const { server_type: newType, primary_disk_size: diskSize } = changed;
      state.update("servers", server.id, { server_type: newType, primary_disk_size: diskSize });
      await host.startMachine(id);
    }, "running"),

    delete_server: {
      run: onServer(async (server, id) => {
        await host.removeMachine(id);
        await removeBackups(cloud, backupsOf(state, server.id), log);
        state.transaction(() => forgetServer(cloud, server.id));
      }),
      undo: (action) => setStatus(state, serverIdOf(action), "unknown"),
    },

    apply_firewall: setFirewall,
    remove_firewall: setFirewall,

    assign_primary_ip: {
      run: onServer((server) => setAddresses(cloud, server.id)),
      undo: (action) => assign(cloud, action, null),
    },
    unassign_primary_ip: {
      run: onServer((server) => setAddresses(cloud, server.id)),
      undo: (action) => assign(cloud, action, serverIdOf(action)),
    },

    attach_to_network: {
      run: onServer((server, _id, action) => networks.attach(server.id, networkOf(action))),
      undo: (action) => networks.forget(serverIdOf(action), networkOf(action)),
    },
    change_alias_ips: {
      run: onServer((server, _id, action) => networks.attach(server.id, networkOf(action))),
      undo: (action) => {
        state.run(
          "UPDATE server_networks SET alias_ips = ? WHERE server_id = ? AND network_id = ?",
          action.arguments["before"] ?? "[]",
          serverIdOf(action),
          networkOf(action),
        );
      },
    },
    detach_from_network: {
      run: onServer(async (server, id, action) => {
        await host.detachNetwork(id, String(networkOf(action)));
        networks.forget(server.id, networkOf(action));
      }),
    },
    ...routerJobs,
    ...volumeJobs(cloud),
    ...floatingIpJobs(cloud),
    ...imageJobs(cloud, log),
    delete_network: {
      run: async (action, progress) => {
        // They are out of it in the state; now on the computer.
        await balancers.refresh();
        await routerJobs["delete_network"]?.run(action, progress);
      },
    },
  };
  for (const [command, job] of Object.entries(balancers.jobs())) jobs[command] = forOwner(job, jobs[command]);
  return jobs;
}

const imageIdOf = ({ image_id: id }: ServerRow): string | undefined => (id === null ? undefined : String(id));

/** Servers and load balancers have commands of the same name. */
function forOwner(ofBalancers: Job, ofServers: Job | undefined): Job {
  const chosen = ({ resources }: RunningAction): Job =>
    ofServers && resources[0]?.type === "server" ? ofServers : ofBalancers;
  return {
    run: (action, progress) => chosen(action).run(action, progress),
    undo: (action) => chosen(action).undo?.(action),
  };
}

/** An action that failed may name a server that is gone meanwhile, so what takes it back goes by the id alone. */
function serverIdOf({ resources }: RunningAction): number {
  const reference = resources.find(({ type }) => type === "server");
  if (!reference) throw new Error("the action names no server");
  return reference.id;
}

/** What of this computer a server may use. */
export function limitsOf(cloud: Pick<Cloud, "catalog">, server: ServerRow): MachineLimits {
  const type = serverTypeOf(cloud, server);
  return {
    cores: type.cores,
    memoryBytes: type.memory * 2 ** 30,
    diskBytes: server.primary_disk_size * 2 ** 30,
  };
}

function assign({ state }: Cloud, { resources }: RunningAction, serverId: number | null): void {
  const reference = resources.find(({ type }) => type === "primary_ip");
  if (reference) state.update("primary_ips", reference.id, { assignee_id: serverId });
}

/** Removes a server from the state with what belongs to it alone; the rest is set free. Call in a transaction. */
export function forgetServer({ state }: Cloud, id: number): void {
  state.run("DELETE FROM primary_ips WHERE assignee_id = ? AND auto_delete = 1", id);
  state.run("UPDATE primary_ips SET assignee_id = NULL WHERE assignee_id = ?", id);
  forgetTarget(state, id);
  state.run("DELETE FROM servers WHERE id = ?", id);
}

async function isRunning(host: Host, id: string): Promise<boolean> {
  return (await host.machines()).some((machine) => machine.id === id && machine.running);
}

async function readStatus({ state, host }: Cloud, id: number): Promise<void> {
  const running = await isRunning(host, String(id)).catch(() => undefined);
  setStatus(state, id, running === undefined ? "unknown" : running ? "running" : "off");
}
