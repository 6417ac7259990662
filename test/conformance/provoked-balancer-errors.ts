import type { Things } from "../unit/local-api-things.js";
import { attachTo, onServer, withoutPublic, type Provoked, type Refused } from "./provoked-errors.js";

const http = { protocol: "http" };

/** What load balancer does not take which target, be it new or not. */
const targets: Record<
  string,
  (cloud: Things) => Promise<{ target: object; balancer?: object; before?: object[] }>
> = {
  "422 ip_not_owned": async () => ({ target: { type: "ip", ip: { ip: "8.8.8.8" } } }),
  "422 load_balancer_not_attached_to_network": async (cloud) => ({
    target: { ...onServer(await cloud.server()), use_private_ip: true },
  }),
  "422 resolve_cloud_private_targets_error": async (cloud) => ({
    target: { ...onServer(await cloud.server()), use_private_ip: true },
    balancer: { network: await cloud.network() },
  }),
  "422 resolve_cloud_public_targets_error": async (cloud) => ({
    target: onServer(await cloud.server(withoutPublic)),
  }),
  "422 target_already_defined": async () => {
    const target = { type: "label_selector", label_selector: { selector: "app" } };
    return { target, before: [target] };
  },
};
const add = async (cloud: Things, target: object, balancer: object = {}): Promise<Refused> => [
  `/load_balancers/${await cloud.balancer(balancer)}/actions/add_target`,
  target,
];

/** What provokes each of the documented errors of load balancers. */
export const provokedBalancerErrors: Record<string, Provoked> = {
  "POST /load_balancers": {
    "412 source_port_already_used": async () => newBalancer({ services: [http, http] }),
    ...Object.fromEntries(
      Object.entries(targets).map(([error, make]): [string, Provoked[string]] => [
        error,
        async (cloud) => {
          const { target, balancer, before = [] } = await make(cloud);
          return newBalancer({ ...balancer, targets: [...before, target] });
        },
      ]),
    ),
  },
  "POST /load_balancers/{id}/actions/add_service": {
    "412 source_port_already_used": async (cloud) => [
      `/load_balancers/${await cloud.balancer({ services: [http] })}/actions/add_service`,
      http,
    ],
  },
  "POST /load_balancers/{id}/actions/update_service": {
    "422 source_port_already_used": async (cloud) => {
      const https = { protocol: "https", http: { certificates: [await cloud.certificate()] } };
      const id = await cloud.balancer({ services: [http, https] });
      const redirected = { listen_port: 443, http: { redirect_http: true } };
      return [`/load_balancers/${id}/actions/update_service`, redirected];
    },
  },
  "POST /load_balancers/{id}/actions/add_target": {
    ...Object.fromEntries(
      Object.entries(targets).map(([error, make]): [string, Provoked[string]] => [
        error,
        async (cloud) => {
          const { target, balancer, before = [] } = await make(cloud);
          return add(cloud, target, { ...balancer, targets: before });
        },
      ]),
    ),
    "422 load_balancer_public_interface_disabled": async (cloud) =>
      add(cloud, onServer(await cloud.server()), {
        network: await cloud.network(),
        public_interface: false,
      }),
    "422 network_has_no_vswitch_subnet": async (cloud) =>
      add(cloud, { type: "ip", ip: { ip: "10.0.1.9" } }, { network: await cloud.network() }),
    "422 cloud_resource_ip_not_allowed": async (cloud) => {
      const { floating_ip } = (await cloud.cloud.get(`/floating_ips/${await cloud.floatingIp()}`)).body;
      return add(cloud, { type: "ip", ip: { ip: floating_ip?.ip } });
    },
  },
  "POST /load_balancers/{id}/actions/attach_to_network": {
    "422 load_balancer_already_attached": async (cloud) => {
      const network = await cloud.network();
      return attachTo("load_balancers", await cloud.balancer({ network }), { network });
    },
    "422 ip_not_available": async (cloud) => {
      const network = await cloud.network();
      const id = await cloud.balancer();
      await cloud.act(`/load_balancers/${await cloud.balancer()}/actions/attach_to_network`, {
        network,
        ip: "10.0.1.9",
      });
      return attachTo("load_balancers", id, { network, ip: "10.0.1.9" });
    },
    "422 no_subnet_available": async (cloud) =>
      attachTo("load_balancers", await cloud.balancer(), {
        network: await cloud.network(0, { subnets: [] }),
      }),
  },
  "POST /load_balancers/{id}/actions/change_type": {
    "422 invalid_load_balancer_type": async (cloud) => {
      const services = [1, 2, 3, 4, 5, 6].map((listen_port) => ({ protocol: "http", listen_port }));
      const id = await cloud.balancer({ load_balancer_type: "lb21", services });
      return [`/load_balancers/${id}/actions/change_type`, { load_balancer_type: "lb11" }];
    },
  },
  "POST /load_balancers/{id}/actions/disable_public_interface": {
    "422 load_balancer_not_attached_to_network": async (cloud) => [
      `/load_balancers/${await cloud.balancer()}/actions/disable_public_interface`,
    ],
    "422 targets_without_use_private_ip": async (cloud) => {
      const network = await cloud.network();
      const id = await cloud.balancer({ network, targets: [onServer(await cloud.server())] });
      return [`/load_balancers/${id}/actions/disable_public_interface`];
    },
  },
};
const newBalancer = (more: object): Refused => [
  "/load_balancers",
  { name: "refused", load_balancer_type: "lb11", location: "fsn1", ...more },
];
