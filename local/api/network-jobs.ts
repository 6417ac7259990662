import type { Job, RunningAction } from "../state/actions.js";
import { readJson } from "../state/json.js";
import { KeyedQueue } from "../queue.js";
import type { Cloud } from "./cloud.js";
import { balancersIn } from "./load-balancer-rows.js";
import { routesOf, serversIn, type NetworkRow } from "./network-rows.js";
import { attachmentsOf, readAliases } from "./server-rows.js";

export function networkOf({ resources }: RunningAction): number {
  const reference = resources.find(({ type }) => type === "network");
  if (!reference) throw new Error("the action names no network");
  return reference.id;
}

/** Jobs about private networks; those of one network never overlap, whichever servers they concern. */
export class NetworkJobs {
  readonly #queue = new KeyedQueue();

  constructor(private readonly cloud: Cloud) {}

  /** Makes the network's router (they exist where a server needs them) and the server's interface. */
  async attach(serverId: number, networkId: number): Promise<void> {
    const { state, host } = this.cloud;
    await this.#queue.run(String(networkId), async () => {
      const row = attachmentsOf(state, serverId).find((one) => one.network_id === networkId);
      // The network was deleted meanwhile; its own action takes the interface away.
      if (!row) return;
      await this.#setRouter(networkId);
      await host.attachNetwork(String(serverId), {
        networkId: String(networkId),
        ip: row.ip,
        aliasIps: readAliases(row),
        macAddress: row.mac_address,
      });
    });
  }

  async #setRouter(networkId: number): Promise<void> {
    const { state, host } = this.cloud;
    const network = state.get<NetworkRow>("SELECT * FROM networks WHERE id = ?", networkId);
    if (!network) return;
    await host.setNetwork({
      id: String(networkId),
      ipRange: network.ip_range,
      routes: routesOf(state, networkId),
    });
  }

  /** Makes the network's router, for something other than a server. */
  async ensureRouter(networkId: number): Promise<void> {
    await this.#queue.run(String(networkId), () => this.#setRouter(networkId));
  }

  forget(serverId: number, networkId: number): void {
    this.cloud.state.run(
      "DELETE FROM server_networks WHERE server_id = ? AND network_id = ?",
      serverId,
      networkId,
    );
  }

  routerJobs(): Record<string, Job> {
    const { state, host, actions } = this.cloud;
    const update = async (action: RunningAction): Promise<void> => {
      const id = networkOf(action);
      await this.#queue.run(String(id), async () => {
        if (serversIn(state, id).length > 0 || balancersIn(state, id).length > 0) await this.#setRouter(id);
      });
    };
    return {
      add_route: {
        run: update,
        undo: (action) => {
          state.run(
            "DELETE FROM network_routes WHERE network_id = ? AND destination = ?",
            networkOf(action),
            action.arguments["destination"] ?? "",
          );
        },
      },
      delete_route: {
        run: update,
        undo: (action) => {
          const { destination = "", gateway = "" } = action.arguments;
          state.insert("network_routes", { network_id: networkOf(action), destination, gateway });
        },
      },
      change_ip_range: {
        run: update,
        undo: (action) => {
          state.update("networks", networkOf(action), { ip_range: action.arguments["before"] ?? "" });
        },
      },
      delete_network: {
        run: async (action) => {
          const id = networkOf(action);
          const servers = readJson<number[]>(action.arguments["servers"] ?? "[]");
          await Promise.all(
            servers.map((server) =>
              actions.inOrder({ type: "server", id: server }, () =>
                host.detachNetwork(String(server), String(id)),
              ),
            ),
          );
          await this.#queue.run(String(id), () => host.removeNetwork(String(id)));
        },
      },
    };
  }
}
