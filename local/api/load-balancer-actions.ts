import { Type } from "typebox";
import type { Action as ActionValue, ResourceReference } from "../state/actions.js";
import { readJson } from "../state/json.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, notFound, refused } from "./errors.js";
import {
  findLoadBalancer,
  ipv6Of,
  servicesOf,
  targetsOf,
  type LoadBalancerRow,
} from "./load-balancer-rows.js";
import {
  AlgorithmInput,
  Port,
  ServiceChange,
  ServiceInput,
  TargetInput,
  TargetReference,
} from "./load-balancer-schemas.js";
import { changedService, newService, requireServicesFit } from "./load-balancer-services.js";
import { isSameTarget, readTarget, requireTarget } from "./load-balancer-targets.js";
import { findLoadBalancerType } from "./load-balancer-types.js";
import { addTarget } from "./load-balancers.js";
import { addressesIn, newMac } from "./network-addresses.js";
import { findNetwork } from "./network-rows.js";
import { defaultPointer, type DnsPointer } from "./pointers.js";
import { Action, Body, DnsName, Id, IdOrName, IdParams, Nullable } from "./schemas.js";

const Answer = { 201: Type.Object({ action: Action }) };

/** Columns that a request writes. */
type Changes = Partial<Record<keyof LoadBalancerRow, string | number | null>>;

export function loadBalancerActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  /**
   * Writes changes and starts the action that makes the computer agree, and takes them back when it refuses. No other
   * change is under way meanwhile: `decide` starts from what is so, and not from what may be taken back.
   */
  const change = async (
    id: number,
    command: string,
    decide: (row: LoadBalancerRow) => { changes: Changes; others?: ResourceReference[] },
  ): Promise<{ action: ActionValue }> => {
    findLoadBalancer(state, id);
    const self = { type: "load_balancer" as const, id };
    const started = await actions.inTurn(self, () => {
      const row = findLoadBalancer(state, id);
      return state.transaction(() => {
        const { changes, others = [] } = decide(row);
        const before = Object.fromEntries(Object.entries(row).filter(([column]) => column in changes));
        state.update("load_balancers", id, changes);
        return actions.start(command, [self, ...others], { before: JSON.stringify(before) });
      });
    });
    return settled(cloud, started);
  };
  const typeOf = (row: LoadBalancerRow) => findLoadBalancerType(cloud, row.load_balancer_type);

  app.post(
    "/load_balancers/:id/actions/add_service",
    { schema: { params: IdParams, body: ServiceInput, response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "add_service", (row) => {
        const services = [...servicesOf(row), newService(cloud, request.body)];
        requireServicesFit(services, typeOf(row), 412);
        return { changes: { services: JSON.stringify(services) } };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/update_service",
    { schema: { params: IdParams, body: ServiceChange, response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "update_service", (row) => {
        const known = findService(row, request.body.listen_port);
        const services = servicesOf(row).map((service) =>
          service.listen_port === known.listen_port ? changedService(cloud, service, request.body) : service,
        );
        requireServicesFit(services, typeOf(row), 422);
        return { changes: { services: JSON.stringify(services) } };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/delete_service",
    { schema: { params: IdParams, body: Body({ listen_port: Port }), response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "delete_service", (row) => {
        const known = findService(row, request.body.listen_port);
        const services = servicesOf(row).filter(({ listen_port: port }) => port !== known.listen_port);
        return { changes: { services: JSON.stringify(services) } };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/add_target",
    { schema: { params: IdParams, body: TargetInput, response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "add_target", (row) => {
        const target = readTarget(request.body);
        const targets = addTarget(cloud, row, target);
        return {
          changes: { targets },
          others: target.type === "server" ? [{ type: "server", id: target.id }] : [],
        };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/remove_target",
    { schema: { params: IdParams, body: TargetReference, response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "remove_target", (row) => {
        const target = readTarget(request.body);
        requireTarget(targetsOf(row), target);
        const left = targetsOf(row).filter((known) => !isSameTarget(known, target));
        const others = target.type === "server" ? [{ type: "server" as const, id: target.id }] : [];
        return { changes: { targets: JSON.stringify(left) }, others };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/change_algorithm",
    { schema: { params: IdParams, body: AlgorithmInput, response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "change_algorithm", () => {
        return { changes: { algorithm: request.body.type } };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/change_type",
    { schema: { params: IdParams, body: Body({ load_balancer_type: IdOrName }), response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "change_load_balancer_type", (row) => {
        const type = findLoadBalancerType(cloud, request.body.load_balancer_type, "load_balancer_type");
        const wrong = (why: string) =>
          refused("invalid_load_balancer_type", `load balancer type ${type.name} ${why}`);
        if (type.name === row.load_balancer_type) throw wrong("is what the load balancer has already");
        if (servicesOf(row).length > type.max_services)
          throw wrong(`has ${type.max_services} services at most`);
        if (targetsOf(row).length > type.max_targets) throw wrong(`has ${type.max_targets} targets at most`);
        return { changes: { load_balancer_type: type.name } };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/attach_to_network",
    {
      schema: {
        params: IdParams,
        body: Body({
          network: Id,
          ip: Type.Optional(Nullable(Type.String())),
          ip_range: Type.Optional(Nullable(Type.String())),
        }),
        response: Answer,
      },
    },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "attach_to_network", (row) => {
        const network = findNetwork(state, request.body.network, "network");
        if (row.network_id !== null) {
          throw refused(
            "load_balancer_already_attached",
            `load balancer is attached to network ${row.network_id}`,
          );
        }
        const { ip, ip_range: range } = request.body;
        const addresses = addressesIn(cloud, network, row.location, range, "network");
        const changes = {
          network_id: network.id,
          private_ip: ip ? addresses.take(ip, "ip") : addresses.lowest(),
          mac_address: newMac(state),
        };
        return { changes, others: [{ type: "network", id: network.id }] };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/detach_from_network",
    { schema: { params: IdParams, body: Body({ network: Id }), response: Answer } },
    (request, reply) => {
      void reply.code(201);
      return change(request.params.id, "detach_from_network", (row) => {
        const network = findNetwork(state, request.body.network, "network");
        if (row.network_id !== network.id) {
          throw refused("not_found", `load balancer is not attached to network ${network.id}`, 404);
        }
        if (targetsOf(row).some((target) => target.type !== "ip" && target.usePrivateIp)) {
          throw refused("service_error", "load balancer has targets that use private IPs: remove them first");
        }
        const changes = { network_id: null, private_ip: null, mac_address: null };
        return { changes, others: [{ type: "network", id: network.id }] };
      });
    },
  );

  for (const enabled of [true, false]) {
    const command = `${enabled ? "enable" : "disable"}_public_interface`;
    app.post(
      `/load_balancers/:id/actions/${command}`,
      { schema: { params: IdParams, body: Type.Optional(Type.Unknown()), response: Answer } },
      (request, reply) => {
        void reply.code(201);
        return change(request.params.id, command, (row) => {
          if (!enabled && row.network_id === null) {
            throw refused(
              "load_balancer_not_attached_to_network",
              "load balancer is not attached to a network",
            );
          }
          if (!enabled && targetsOf(row).some((target) => target.type === "ip" || !target.usePrivateIp)) {
            throw refused(
              "targets_without_use_private_ip",
              "load balancer has targets that do not use private IPs",
            );
          }
          return { changes: { public_interface: Number(enabled) } };
        });
      },
    );
  }

  app.post(
    "/load_balancers/:id/actions/change_protection",
    { schema: { params: IdParams, body: Body({ delete: Type.Optional(Type.Boolean()) }), response: Answer } },
    (request, reply) => {
      const row = findLoadBalancer(state, request.params.id);
      const wanted = request.body.delete ?? row.protection_delete === 1;
      void reply.code(201);
      return state.transaction(() => {
        state.update("load_balancers", row.id, { protection_delete: Number(wanted) });
        return { action: actions.done("change_protection", [{ type: "load_balancer", id: row.id }]) };
      });
    },
  );

  app.post(
    "/load_balancers/:id/actions/change_dns_ptr",
    {
      schema: {
        params: IdParams,
        body: Body({ ip: Type.String(), dns_ptr: Type.Optional(Nullable(DnsName)) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const row = findLoadBalancer(state, request.params.id);
      const { ip, dns_ptr: name = null } = request.body;
      if (ip !== row.ipv4 && ip !== ipv6Of(row)) {
        throw invalidInput({ ip: [`${ip} is not an address of the load balancer`] });
      }
      const others = readJson<DnsPointer[]>(row.dns_ptr).filter((pointer) => pointer.ip !== ip);
      const reset = ip === row.ipv4 ? [defaultPointer(ip)] : [];
      const pointers = [...others, ...(name === null ? reset : [{ ip, dns_ptr: name }])];
      void reply.code(201);
      return state.transaction(() => {
        state.update("load_balancers", row.id, { dns_ptr: JSON.stringify(pointers) });
        return { action: actions.done("change_dns_ptr", [{ type: "load_balancer", id: row.id }]) };
      });
    },
  );
}

function findService(row: LoadBalancerRow, port: number) {
  const found = servicesOf(row).find(({ listen_port: own }) => own === port);
  if (!found) throw notFound("service", port, "listen_port");
  return found;
}
