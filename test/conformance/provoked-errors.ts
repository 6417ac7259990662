import type { Things } from "../unit/local-api-things.js";

/** A request that is to be refused: its path, and its body if it takes one. */
export type Refused = [path: string, body?: object];
/** The documented errors of an operation, and what provokes each of them in a cloud. */
export type Provoked = Record<string, (cloud: Things) => Promise<Refused>>;

export const onServer = (id: number) => ({ type: "server", server: { id } });
export const off = { start_after_create: false };
export const withoutPublic = { ...off, public_net: { enable_ipv4: false, enable_ipv6: false } };
export const nobody = 4711;
export const attachTo = (kind: string, id: number, body: object): Refused => [
  `/${kind}/${id}/actions/attach_to_network`,
  body,
];

const serverInput = (more: object) => ({
  name: "refused",
  server_type: "local-512",
  image: "debian-12",
  location: "fsn1",
  ...more,
});

const firewalls: Record<string, Provoked> = {
  "POST /firewalls": {
    "422 server_already_added": async (cloud) => {
      const id = await cloud.server();
      return ["/firewalls", { name: "refused", apply_to: [onServer(id), onServer(id)] }];
    },
    "422 firewall_resource_not_found": async () => [
      "/firewalls",
      { name: "refused", apply_to: [onServer(nobody)] },
    ],
  },
  "DELETE /firewalls/{id}": {
    "422 resource_in_use": async (cloud) => {
      const id = await cloud.firewall({ apply_to: [onServer(await cloud.server())] });
      return [`/firewalls/${id}`];
    },
  },
  "POST /firewalls/{id}/actions/apply_to_resources": {
    "404 firewall_resource_not_found": async (cloud) => [
      `/firewalls/${await cloud.firewall()}/actions/apply_to_resources`,
      { apply_to: [onServer(nobody)] },
    ],
    "422 firewall_already_applied": async (cloud) => {
      const apply_to = [onServer(await cloud.server())];
      return [`/firewalls/${await cloud.firewall({ apply_to })}/actions/apply_to_resources`, { apply_to }];
    },
    "422 private_net_only_server": async (cloud) => [
      `/firewalls/${await cloud.firewall()}/actions/apply_to_resources`,
      { apply_to: [onServer(await cloud.server(withoutPublic))] },
    ],
  },
  "POST /firewalls/{id}/actions/remove_from_resources": {
    "404 firewall_resource_not_found": async (cloud) => [
      `/firewalls/${await cloud.firewall()}/actions/remove_from_resources`,
      { remove_from: [onServer(nobody)] },
    ],
    "422 firewall_managed_by_label_selector": async (cloud) => {
      const id = await cloud.server({ labels: { app: "web" } });
      const apply_to = [{ type: "label_selector", label_selector: { selector: "app=web" } }];
      const firewall = await cloud.firewall({ apply_to });
      return [`/firewalls/${firewall}/actions/remove_from_resources`, { remove_from: [onServer(id)] }];
    },
  },
};

const addresses: Record<string, Provoked> = {
  "DELETE /floating_ips/{id}": {
    "422 must_be_unassigned": async (cloud) => [
      `/floating_ips/${await cloud.floatingIp({ server: await cloud.server() })}`,
    ],
  },
  "POST /floating_ips/{id}/actions/assign": {
    "422 floating_ip_assigned": async (cloud) => {
      const server = await cloud.server();
      return [`/floating_ips/${await cloud.floatingIp({ server })}/actions/assign`, { server }];
    },
  },
  "POST /primary_ips": {
    "422 server_not_stopped": async (cloud) => newPrimaryIp(await cloud.server(), "ipv4"),
    "422 server_has_ipv4": async (cloud) => newPrimaryIp(await cloud.server(off), "ipv4"),
    "422 server_has_ipv6": async (cloud) => newPrimaryIp(await cloud.server(off), "ipv6"),
  },
  "DELETE /primary_ips/{id}": {
    "422 must_be_unassigned": async (cloud) => [
      `/primary_ips/${await addressOf(cloud, await cloud.server())}`,
    ],
  },
  "POST /primary_ips/{id}/actions/assign": {
    "422 server_not_stopped": async (cloud) => assign(await cloud.primaryIp(), await cloud.server()),
    "422 primary_ip_already_assigned": async (cloud) =>
      assign(await addressOf(cloud, await cloud.server(off)), await cloud.server(off)),
    "422 server_has_ipv4": async (cloud) => assign(await cloud.primaryIp(), await cloud.server(off)),
    "422 server_has_ipv6": async (cloud) =>
      assign(await cloud.primaryIp({ type: "ipv6" }), await cloud.server(off)),
  },
  "POST /primary_ips/{id}/actions/unassign": {
    "422 server_not_stopped": async (cloud) => [
      `/primary_ips/${await addressOf(cloud, await cloud.server())}/actions/unassign`,
    ],
    "422 server_is_load_balancer_target": async (cloud) => {
      const server = await cloud.server(off);
      await cloud.balancer({ targets: [onServer(server)] });
      return [`/primary_ips/${await addressOf(cloud, server)}/actions/unassign`];
    },
  },
};

const newPrimaryIp = (server: number, type: string): Refused => [
  "/primary_ips",
  { name: "refused", type, assignee_type: "server", assignee_id: server },
];
const assign = (address: number, server: number): Refused => [
  `/primary_ips/${address}/actions/assign`,
  { assignee_type: "server", assignee_id: server },
];
const addressOf = async ({ cloud }: Things, server: number): Promise<number> =>
  (await cloud.get(`/servers/${server}`)).body.server?.public_net.ipv4?.id ?? 0;

const servers: Record<string, Provoked> = {
  "POST /servers": {
    "412 primary_ip_version_mismatch": async (cloud) => {
      const ipv4 = await cloud.primaryIp({ type: "ipv6" });
      return ["/servers", serverInput({ public_net: { ipv4 } })];
    },
    "422 placement_error": async (cloud) => {
      const group = await cloud.group();
      for (let made = 0; made < 10; made++) await cloud.server({ ...off, placement_group: group });
      return ["/servers", serverInput({ placement_group: group })];
    },
    "422 primary_ip_assigned": async (cloud) => {
      const ipv4 = await addressOf(cloud, await cloud.server(off));
      return ["/servers", serverInput({ public_net: { ipv4 } })];
    },
    "422 primary_ip_datacenter_mismatch": async (cloud) => {
      const ipv4 = await cloud.primaryIp({ location: "hel1" });
      return ["/servers", serverInput({ public_net: { ipv4 } })];
    },
  },
  "POST /servers/{id}/actions/add_to_placement_group": {
    "422 server_not_stopped": async (cloud) => [
      `/servers/${await cloud.server()}/actions/add_to_placement_group`,
      { placement_group: await cloud.group() },
    ],
    "422 already_in_placement_group": async (cloud) => {
      const group = await cloud.group();
      const id = await cloud.server({ ...off, placement_group: group });
      return [`/servers/${id}/actions/add_to_placement_group`, { placement_group: group }];
    },
  },
  "POST /servers/{id}/actions/attach_to_network": {
    "422 server_already_attached": async (cloud) => {
      const network = await cloud.network();
      return attachTo("servers", await cloud.server({ networks: [network] }), { network });
    },
    "422 ip_not_available": async (cloud) => {
      const network = await cloud.network();
      await cloud.server({ networks: [network] });
      return attachTo("servers", await cloud.server(), { network, ip: "10.0.1.1" });
    },
    "422 no_subnet_available": async (cloud) =>
      attachTo("servers", await cloud.server(), { network: await cloud.network(0, { subnets: [] }) }),
    "422 networks_overlap": async (cloud) => {
      const id = await cloud.server({ networks: [await cloud.network()] });
      return attachTo("servers", id, { network: await cloud.network() });
    },
  },
  "POST /servers/{id}/actions/change_type": {
    "422 invalid_server_type": async (cloud) => [
      `/servers/${await cloud.server({ ...off, server_type: "cx33" })}/actions/change_type`,
      { server_type: "cx23", upgrade_disk: false },
    ],
    "422 server_not_stopped": async (cloud) => [
      `/servers/${await cloud.server()}/actions/change_type`,
      { server_type: "cx23", upgrade_disk: false },
    ],
  },
  "POST /volumes/{id}/actions/attach": {
    "422 volume_already_attached": async (cloud) => {
      const server = await cloud.server();
      return [`/volumes/${await cloud.volume({ server, location: undefined })}/actions/attach`, { server }];
    },
  },
  "POST /zones/{id_or_name}/actions/change_primary_nameservers": {
    "422 incorrect_zone_mode": async (cloud) => [
      `/zones/${await cloud.zone()}/actions/change_primary_nameservers`,
      { primary_nameservers: [] },
    ],
  },
};

/** What provokes each of the documented errors, but those of load balancers. */
export const provokedErrors: Record<string, Provoked> = { ...firewalls, ...addresses, ...servers };
