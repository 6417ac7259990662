import type { Resource } from "./crash-cloud.js";
import type { World } from "./crash-world.js";

export interface Request {
  method: "POST" | "PUT" | "DELETE";
  path: string;
  body?: object;
  /** Ids of the resources that it changes: no two requests at the same time change the same one. */
  touches: number[];
}

/** Servers of this name are never touched. */
export const BYSTANDER = "bystander";
const MOST_SERVERS = 3;

let chance: () => number = Math.random;
/** What is chosen from now on is chosen so. */
export function useChance(source: () => number): void {
  chance = source;
}

let serial = 0;
const freshName = (kind: string): string => `${kind}-${++serial}-${chance().toString(36).slice(2, 6)}`;
const pick = <T>(list: T[]): T | undefined => list[Math.floor(chance() * list.length)];

/** Every way of starting an action that changes the computer: command → a request for it that is possible now. */
export const operations: Record<string, (world: World) => Request | undefined> = {
  create_server: ({ servers, networks, firewalls, volumes }) => {
    if (servers.length > MOST_SERVERS) return undefined;
    const network = pick(networks);
    const firewall = pick(firewalls);
    const volume = pick(volumes.filter((one) => one.server === null));
    return {
      method: "POST",
      path: "/servers",
      body: {
        name: freshName("server"),
        server_type: "local-512",
        image: "debian-12",
        location: "fsn1",
        ssh_keys: ["operator"],
        user_data: "#cloud-config\nruncmd: [[touch, /root/made]]\n",
        labels: { app: "web" },
        ...(network && { networks: [network.id] }),
        ...(firewall && { firewalls: [{ firewall: firewall.id }] }),
        ...(volume && { volumes: [volume.id], automount: true }),
      },
      touches: [network, volume].flatMap((one) => (one ? [one.id] : [])),
    };
  },
  delete_server: ({ servers }) => {
    if (servers.length <= MOST_SERVERS) return undefined;
    const server = pick(victims(servers));
    return server && { method: "DELETE", path: `/servers/${server.id}`, touches: [server.id] };
  },
  start_server: onServer("off", "poweron"),
  stop_server: onServer("running", "poweroff"),
  reset_server: onServer("running", "reset"),
  reboot_server: onServer("running", "reboot"),
  shutdown_server: onServer("running", "shutdown"),
  rebuild_server: onServer("running", "rebuild", () => ({ image: "debian-12" })),
  change_server_type: onServer("off", "change_type", ({ server_type: type }) => ({
    server_type: type?.name === "local-512" ? "cx23" : "cx33",
    upgrade_disk: false,
  })),
  attach_to_network: ({ servers, networks }) => {
    const server = pick(victims(servers).filter((one) => networksOf(one).length === 0));
    const network = pick(networks);
    if (!server || !network) return undefined;
    return action(`/servers/${server.id}`, "attach_to_network", { network: network.id }, [server, network]);
  },
  detach_from_network: ({ servers }) => {
    const server = pick(victims(servers).filter((one) => networksOf(one).length > 0));
    const network = networksOf(server)[0];
    if (!server || network === undefined) return undefined;
    return action(`/servers/${server.id}`, "detach_from_network", { network }, [server, { id: network }]);
  },
  change_alias_ips: ({ servers }) => {
    const server = pick(victims(servers).filter((one) => networksOf(one).length > 0));
    const network = networksOf(server)[0];
    if (!server || network === undefined) return undefined;
    const alias = `10.0.0.${100 + Math.floor(chance() * 100)}`;
    return action(`/servers/${server.id}`, "change_alias_ips", { network, alias_ips: [alias] }, [
      server,
      { id: network },
    ]);
  },
  apply_firewall: ({ servers, firewalls }) => {
    const server = pick(victims(servers).filter((one) => !one.public_net?.firewalls?.length));
    const firewall = pick(firewalls);
    if (!server || !firewall) return undefined;
    const target = { type: "server", server: { id: server.id } };
    return action(`/firewalls/${firewall.id}`, "apply_to_resources", { apply_to: [target] }, [
      server,
      firewall,
    ]);
  },
  remove_firewall: ({ servers }) => {
    const server = pick(victims(servers).filter((one) => one.public_net?.firewalls?.length));
    const firewall = server?.public_net?.firewalls?.[0];
    if (!server || !firewall) return undefined;
    const target = { type: "server", server: { id: server.id } };
    return action(`/firewalls/${firewall.id}`, "remove_from_resources", { remove_from: [target] }, [
      server,
      firewall,
    ]);
  },
  set_firewall_rules: ({ firewalls }) => {
    const firewall = pick(firewalls);
    const port = String(1000 + Math.floor(chance() * 1000));
    const rule = { direction: "in", protocol: "tcp", port, source_ips: ["0.0.0.0/0"] };
    return firewall && action(`/firewalls/${firewall.id}`, "set_rules", { rules: [rule] }, [firewall]);
  },
  create_volume: ({ servers, volumes }) => {
    if (volumes.length >= 3) return undefined;
    const server = pick(victims(servers));
    const place = server ? { server: server.id, automount: true } : { location: "fsn1" };
    const body = { name: freshName("volume"), size: 10, format: pick(["ext4", "xfs"]), ...place };
    return { method: "POST", path: "/volumes", body, touches: server ? [server.id] : [] };
  },
  attach_volume: ({ servers, volumes }) => {
    const volume = pick(volumes.filter((one) => one.server === null));
    const server = pick(victims(servers));
    if (!server || !volume) return undefined;
    return action(`/volumes/${volume.id}`, "attach", { server: server.id, automount: true }, [
      server,
      volume,
    ]);
  },
  detach_volume: ({ volumes }) => {
    const volume = pick(volumes.filter((one) => one.server !== null));
    if (!volume || typeof volume.server !== "number") return undefined;
    return action(`/volumes/${volume.id}`, "detach", {}, [volume, { id: volume.server }]);
  },
  resize_volume: ({ volumes }) => {
    const volume = pick(volumes.filter(({ size = 0 }) => size < 60));
    return volume && action(`/volumes/${volume.id}`, "resize", { size: (volume.size ?? 10) + 1 }, [volume]);
  },
  delete_volume: ({ volumes }) => {
    const volume = volumes.length < 3 ? undefined : pick(volumes.filter((one) => one.server === null));
    return volume && { method: "DELETE", path: `/volumes/${volume.id}`, touches: [volume.id] };
  },
  assign_floating_ip: ({ servers, floatingIps }) => {
    const [floating, server] = [pick(floatingIps), pick(victims(servers))];
    if (!floating || !server || floating.server === server.id) return undefined;
    const before = typeof floating.server === "number" ? [{ id: floating.server }] : [];
    return action(`/floating_ips/${floating.id}`, "assign", { server: server.id }, [
      floating,
      server,
      ...before,
    ]);
  },
  unassign_floating_ip: ({ floatingIps }) => {
    const floating = pick(floatingIps.filter((one) => one.server !== null));
    if (!floating || typeof floating.server !== "number") return undefined;
    return action(`/floating_ips/${floating.id}`, "unassign", {}, [floating, { id: floating.server }]);
  },
  unassign_primary_ip: ({ servers, primaryIps }) => {
    // A load balancer holds its targets to their addresses.
    const free = victims(servers).filter((one) => one.status === "off" && !one.load_balancers?.length);
    const server = pick(free.filter((one) => one.public_net?.ipv4));
    const ip = primaryIps.find((one) => one.assignee_id === server?.id && one.type === "ipv4");
    return ip && server && action(`/primary_ips/${ip.id}`, "unassign", {}, [ip, server]);
  },
  assign_primary_ip: ({ servers, primaryIps }) => {
    const server = pick(victims(servers).filter((one) => one.status === "off" && !one.public_net?.ipv4));
    const ip = pick(primaryIps.filter((one) => one.assignee_id === null && one.type === "ipv4"));
    if (!ip || !server) return undefined;
    return action(`/primary_ips/${ip.id}`, "assign", { assignee_id: server.id, assignee_type: "server" }, [
      ip,
      server,
    ]);
  },
  create_network: ({ networks }) => {
    if (networks.length >= 2) return undefined;
    const subnets = [{ type: "cloud", network_zone: "eu-central", ip_range: "10.0.0.0/24" }];
    const body = { name: freshName("network"), ip_range: "10.0.0.0/16", subnets };
    return { method: "POST", path: "/networks", body, touches: [] };
  },
  add_route: ({ networks }) => {
    const network = pick(networks.filter(({ routes }) => !routes?.length));
    const route = { destination: "10.100.0.0/16", gateway: "10.0.0.2" };
    return network && action(`/networks/${network.id}`, "add_route", route, [network]);
  },
  delete_route: ({ networks }) => {
    const network = pick(networks.filter(({ routes }) => routes?.length));
    return network && action(`/networks/${network.id}`, "delete_route", network.routes?.[0] ?? {}, [network]);
  },
  change_ip_range: ({ networks }) => {
    const network = pick(networks.filter((one) => one.ip_range === "10.0.0.0/16"));
    return (
      network && action(`/networks/${network.id}`, "change_ip_range", { ip_range: "10.0.0.0/8" }, [network])
    );
  },
  delete_network: ({ servers, networks }) => {
    const kept = new Set(servers.filter(({ name }) => name === BYSTANDER).flatMap(networksOf));
    const network = networks.length < 2 ? undefined : pick(networks.filter(({ id }) => !kept.has(id)));
    const members = servers
      .filter((one) => network && networksOf(one).includes(network.id))
      .map(({ id }) => id);
    return (
      network && { method: "DELETE", path: `/networks/${network.id}`, touches: [network.id, ...members] }
    );
  },
  create_load_balancer: ({ servers, networks, balancers }) => {
    if (balancers.length >= 2) return undefined;
    const [server, network] = [pick(victims(servers).filter((one) => one.public_net?.ipv4)), pick(networks)];
    const body = {
      name: freshName("balancer"),
      load_balancer_type: "lb11",
      location: "fsn1",
      ...(network && { network: network.id }),
      services: [{ protocol: "http" }],
      targets: server ? [{ type: "server", server: { id: server.id } }] : [],
    };
    const touches = [server, network].flatMap((one) => (one ? [one.id] : []));
    return { method: "POST", path: "/load_balancers", body, touches };
  },
  add_service: ({ balancers }) => {
    const balancer = pick(balancers.filter(({ services = [] }) => services.length < 3));
    const port = 2000 + Math.floor(chance() * 1000);
    const service = { protocol: "tcp", listen_port: port, destination_port: port };
    return balancer && action(`/load_balancers/${balancer.id}`, "add_service", service, [balancer]);
  },
  add_target: ({ balancers }) => {
    const balancer = pick(
      balancers.filter(({ targets = [] }) => targets.every(({ type }) => type === "server")),
    );
    const target = { type: "label_selector", label_selector: { selector: "app=web" } };
    return balancer && action(`/load_balancers/${balancer.id}`, "add_target", target, [balancer]);
  },
  delete_load_balancer: ({ balancers }) => {
    const balancer = balancers.length < 2 ? undefined : pick(balancers);
    return balancer && { method: "DELETE", path: `/load_balancers/${balancer.id}`, touches: [balancer.id] };
  },
  create_image: ({ servers, images }) => {
    const server = images.length < 2 ? pick(victims(servers)) : undefined;
    return server && action(`/servers/${server.id}`, "create_image", {}, [server]);
  },
  delete_image: ({ images }) => {
    const image = images.length < 2 ? undefined : pick(images);
    return image && { method: "DELETE", path: `/images/${image.id}`, touches: [image.id] };
  },
  create_zone: ({ zones }) => {
    if (zones.length >= 2) return undefined;
    const body = { name: `${freshName("zone")}.test`, mode: "primary" };
    return { method: "POST", path: "/zones", body, touches: [] };
  },
  change_zone_ttl: ({ zones }) => {
    const zone = pick(zones);
    const ttl = 60 + Math.floor(chance() * 1000);
    return zone && action(`/zones/${zone.id}`, "change_ttl", { ttl }, [zone]);
  },
  set_rrset_records: ({ zones }) => {
    const zone = pick(zones);
    const records = [{ value: `203.0.113.${Math.floor(chance() * 256)}` }];
    return zone && action(`/zones/${zone.id}/rrsets/www/A`, "set_records", { records }, [zone]);
  },
  delete_zone: ({ zones }) => {
    const zone = zones.length < 2 ? undefined : pick(zones);
    return zone && { method: "DELETE", path: `/zones/${zone.id}`, touches: [zone.id] };
  },
};

const victims = (servers: Resource[]): Resource[] => servers.filter(({ name }) => name !== BYSTANDER);

const networksOf = (server: Resource | undefined): number[] =>
  [server?.private_net ?? []].flat().map(({ network }) => network);

function action(path: string, name: string, body: object, touched: { id: number }[]): Request {
  return { method: "POST", path: `${path}/actions/${name}`, body, touches: touched.map(({ id }) => id) };
}

function onServer(status: string, name: string, body: (server: Resource) => object = () => ({})) {
  return ({ servers }: World): Request | undefined => {
    const server = pick(
      victims(servers).filter((one) => one.status === status && one.server_type?.name !== "cx33"),
    );
    return server && action(`/servers/${server.id}`, name, body(server), [server]);
  };
}
