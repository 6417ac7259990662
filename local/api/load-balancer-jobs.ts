import type { LoadBalancerService, LoadBalancerSpec } from "../machines/host.js";
import type { ActionLog, Job, RunningAction } from "../state/actions.js";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import { KeyedQueue } from "../queue.js";
import { findCertificate } from "./certificates.js";
import type { Cloud } from "./cloud.js";
import {
  loadBalancers,
  servicesOf,
  targetsOf,
  type LoadBalancerRow,
  type StoredTarget,
} from "./load-balancer-rows.js";
import type { ServiceValue } from "./load-balancer-schemas.js";
import { addressesOf } from "./load-balancer-targets.js";
import { findLoadBalancerType } from "./load-balancer-types.js";
import type { NetworkJobs } from "./network-jobs.js";

/** What a load balancer is to be on the computer, by the state. */
export function balancerSpec(
  cloud: Pick<Cloud, "state" | "catalog">,
  row: LoadBalancerRow,
): LoadBalancerSpec {
  const { network_id: networkId, private_ip: ip, mac_address: macAddress } = row;
  return {
    id: String(row.id),
    addresses: row.public_interface ? { ipv4: row.ipv4, ipv6Network: row.ipv6 } : {},
    ...(networkId !== null &&
      ip !== null &&
      macAddress !== null && { network: { networkId: String(networkId), ip, macAddress, aliasIps: [] } }),
    algorithm: row.algorithm,
    maxConnections: findLoadBalancerType(cloud, row.load_balancer_type).max_connections,
    services: servicesOf(row).map((service) => serviceSpec(cloud, service)),
    targets: addressesOf(cloud, row, targetsOf(row)),
  };
}

function serviceSpec({ state }: Pick<Cloud, "state">, service: ServiceValue): LoadBalancerService {
  const { http, health_check: health } = service;
  const certificates = (http?.certificates ?? []).map((id) => {
    const { certificate, private_key: key } = findCertificate(state, id);
    return `${certificate.trim()}\n${key.trim()}\n`;
  });
  return {
    protocol: service.protocol,
    listenPort: service.listen_port,
    destinationPort: service.destination_port,
    proxyProtocol: service.proxyprotocol,
    http: http && {
      stickySessions: http.sticky_sessions,
      cookieName: http.cookie_name,
      cookieLifetime: http.cookie_lifetime,
      redirectHttp: http.redirect_http,
      timeoutIdle: http.timeout_idle,
    },
    certificates,
    healthCheck: {
      port: health.port,
      interval: health.interval,
      timeout: health.timeout,
      retries: health.retries,
      http: health.http && {
        domain: health.http.domain,
        path: health.http.path,
        response: health.http.response,
        statusCodes: health.http.status_codes,
        tls: health.http.tls,
      },
    },
  };
}

/** Commands of load balancers that write into its row; the job is the same for all: make the computer agree. */
const commands = [
  "create_load_balancer",
  "add_service",
  "update_service",
  "delete_service",
  "add_target",
  "remove_target",
  "change_algorithm",
  "change_load_balancer_type",
  "attach_to_network",
  "detach_from_network",
  "enable_public_interface",
  "disable_public_interface",
];

/** Jobs about load balancers; those of one never overlap. */
export class LoadBalancerJobs {
  readonly #queue = new KeyedQueue();
  /** What each was last brought to, so that only what changed is done. */
  readonly #applied = new Map<number, string>();

  constructor(
    private readonly cloud: Cloud,
    private readonly networks: NetworkJobs,
    private readonly log: ActionLog,
  ) {}

  /** Brings a load balancer to what the state says now. No-op when it is gone. */
  async apply(id: number): Promise<void> {
    await this.#queue.run(String(id), async () => {
      const row = this.cloud.state.get<LoadBalancerRow>("SELECT * FROM load_balancers WHERE id = ?", id);
      if (!row) return;
      const spec = balancerSpec(this.cloud, row);
      const text = JSON.stringify(spec);
      if (this.#applied.get(id) === text) return;
      this.#applied.delete(id);
      if (row.network_id !== null) await this.networks.ensureRouter(row.network_id);
      await this.cloud.host.loadBalancers.set(spec);
      this.#applied.set(id, text);
    });
  }

  /** Takes one that is out of the state from the computer. */
  async #remove(id: number): Promise<void> {
    await this.#queue.run(String(id), async () => {
      this.#applied.delete(id);
      await this.cloud.host.loadBalancers.remove(String(id));
    });
  }

  /** Follows what changed about servers: addresses, labels, networks. Failures are logged; the next change tries again. */
  async refresh(): Promise<void> {
    await Promise.all(
      loadBalancers(this.cloud.state).map(({ id }) =>
        this.apply(id).catch((error: unknown) =>
          this.log.error({ err: error, loadBalancer: id }, "a load balancer could not follow a change"),
        ),
      ),
    );
  }

  jobs(): Record<string, Job> {
    const { state } = this.cloud;
    const job: Job = {
      run: (action) => this.apply(balancerIdOf(action)),
      undo: (action) => {
        const id = balancerIdOf(action);
        if (action.command === "create_load_balancer") {
          state.run("DELETE FROM load_balancers WHERE id = ?", id);
          void this.#remove(id).catch(() => undefined);
          return;
        }
        // No other request has written these columns meanwhile: changes wait for each other.
        const { before = "{}" } = action.arguments;
        const left = whatIsLeftOf(state, readJson<Partial<LoadBalancerRow>>(before));
        state.update("load_balancers", id, { ...left });
      },
    };
    const remove: Job = { run: (action) => this.#remove(balancerIdOf(action)) };
    return { ...Object.fromEntries(commands.map((command) => [command, job])), delete_load_balancer: remove };
  }
}

/** Columns as they were, without what was deleted since: servers, certificates and networks wait for no load balancer. */
function whatIsLeftOf(state: State, before: Partial<LoadBalancerRow>): Partial<LoadBalancerRow> {
  const isThere = (table: "servers" | "certificates" | "networks", id: number): boolean =>
    state.get(`SELECT 1 FROM ${table} WHERE id = ?`, id) !== undefined;
  const left = { ...before };
  if (before.targets !== undefined) {
    const targets = readJson<StoredTarget[]>(before.targets);
    left.targets = JSON.stringify(
      targets.filter((target) => target.type !== "server" || isThere("servers", target.id)),
    );
  }
  if (before.services !== undefined) {
    const services = readJson<ServiceValue[]>(before.services);
    left.services = JSON.stringify(
      services.filter(({ http }) => (http?.certificates ?? []).every((id) => isThere("certificates", id))),
    );
  }
  const { network_id: network } = before;
  if (typeof network === "number" && !isThere("networks", network)) {
    Object.assign(left, { network_id: null, private_ip: null, mac_address: null });
  }
  return left;
}

function balancerIdOf({ resources }: RunningAction): number {
  const reference = resources.find(({ type }) => type === "load_balancer");
  if (!reference) throw new Error("the action names no load balancer");
  return reference.id;
}
