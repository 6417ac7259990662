import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { problem, publicKey } from "./local-api-client.js";
import { certificateFor, Things } from "./local-api-things.js";

// Hundreds of requests: on a busy computer they take their time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Errors that depend on what there is already: names, protection, actions that run, limits. */
let things: Things;
beforeAll(async () => {
  things = await Things.start();
});
afterAll(() => things.cloud.close());

const off = { start_after_create: false };

describe("uniqueness_error", () => {
  const place = { location: "fsn1" };
  let keys = 0;
  const inputs: Record<string, () => object> = {
    certificates: () => ({ type: "uploaded", ...certificateFor("unique.example") }),
    firewalls: () => ({}),
    floating_ips: () => ({ type: "ipv4", home_location: "fsn1" }),
    load_balancers: () => ({ ...place, load_balancer_type: "lb11" }),
    networks: () => ({ ip_range: "10.0.0.0/16" }),
    placement_groups: () => ({ type: "spread" }),
    primary_ips: () => ({ ...place, type: "ipv4" }),
    servers: () => ({ ...place, ...off, server_type: "local-512", image: "debian-12" }),
    ssh_keys: () => ({ public_key: publicKey(++keys) }),
    volumes: () => ({ ...place, size: 10 }),
  };

  test.each(Object.entries(inputs))("of %s: a name that another one has", async (kind, input) => {
    const { cloud } = things;
    const made = await cloud.post(`/${kind}`, { ...input(), name: "first" });
    expect(problem(made)).toBe("201 no error");
    const second = await cloud.post(`/${kind}`, { ...input(), name: "second" });
    expect(problem(second)).toBe("201 no error");
    expect(problem(await cloud.post(`/${kind}`, { ...input(), name: "first" }))).toBe(
      "409 uniqueness_error: name",
    );
    const [one] = ((await cloud.get(`/${kind}?name=second`)).body[kind] ?? []) as { id: number }[];
    expect(problem(await cloud.put(`/${kind}/${one?.id}`, { name: "first" }))).toBe(
      "409 uniqueness_error: name",
    );
    expect((await cloud.put(`/${kind}/${one?.id}`, { name: "second" })).status).toBe(200);
  });

  test("of what is unique beside names", async () => {
    const { cloud } = things;
    const key = { name: "key", public_key: publicKey(99) };
    await cloud.post("/ssh_keys", key);
    expect(problem(await cloud.post("/ssh_keys", { ...key, name: "other" }))).toBe(
      "409 uniqueness_error: public_key",
    );
    const zone = { name: "unique.example", mode: "primary" };
    await cloud.post("/zones", zone);
    expect(problem(await cloud.post("/zones", zone))).toBe("409 uniqueness_error: name");
    const rrset = { name: "www", type: "A", records: [{ value: "203.0.113.9" }] };
    await cloud.post("/zones/unique.example/rrsets", rrset);
    expect(problem(await cloud.post("/zones/unique.example/rrsets", rrset))).toMatch(/^409 uniqueness_error/);
  });
});

describe("protected", () => {
  const both = { delete: true, rebuild: true };
  const kinds: Record<string, () => Promise<number>> = {
    floating_ips: () => things.floatingIp(),
    load_balancers: () => things.balancer(),
    networks: () => things.network(),
    primary_ips: () => things.primaryIp(),
    servers: () => things.server(off),
    volumes: () => things.volume(),
    zones: () => things.zone(),
  };

  test.each(Object.entries(kinds))("of %s against their deletion", async (kind, make) => {
    const path = `/${kind}/${await make()}`;
    await things.act(`${path}/actions/change_protection`, kind === "servers" ? both : { delete: true });
    expect(problem(await things.cloud.delete(path))).toBe("423 protected");
    expect((await things.cloud.get(path)).status).toBe(200);
  });

  test("of a server against its rebuild, and of an image made of it", async () => {
    const path = `/servers/${await things.server(off)}`;
    const { body } = await things.cloud.post(`${path}/actions/create_image`, {});
    await things.cloud.finished(body.action);
    await things.act(`${path}/actions/change_protection`, both);
    const rebuild = await things.cloud.post(`${path}/actions/rebuild`, { image: "debian-12" });
    expect(problem(rebuild)).toBe("423 protected");
    await things.act(`/images/${body.image?.id}/actions/change_protection`, { delete: true });
    expect(problem(await things.cloud.delete(`/images/${body.image?.id}`))).toBe("423 protected");
  });

  test("of a record set against every change", async () => {
    const zone = `/zones/${await things.zone()}`;
    const records = [{ value: "203.0.113.9" }];
    await things.act(`${zone}/rrsets`, { name: "www", type: "A", records });
    const path = `${zone}/rrsets/www/A`;
    await things.act(`${path}/actions/change_protection`, { change: true });
    const changes = ["set_records", "add_records", "remove_records", "update_records"];
    for (const change of changes) {
      expect(problem(await things.cloud.post(`${path}/actions/${change}`, { records }))).toBe(
        "423 protected",
      );
    }
    expect(problem(await things.cloud.post(`${path}/actions/change_ttl`, { ttl: 60 }))).toBe("423 protected");
    expect(problem(await things.cloud.delete(path))).toBe("423 protected");
    const file = { zonefile: "www 60 IN A 203.0.113.1" };
    expect(problem(await things.cloud.post(`${zone}/actions/import_zonefile`, file))).toBe("423 protected");
  });
});

/** Runs `work` while an action, which `act` starts, does not come to its end. */
async function during(method: string, act: () => Promise<unknown>, work: () => Promise<void>): Promise<void> {
  const { host } = things.cloud;
  host.hanging.add(method);
  await act();
  host.hanging.delete(method);
  await work();
}

describe("locked", () => {
  test("every action of a server during another one, its deletion, and what is to be given to it", async () => {
    const { cloud } = things;
    const [network, volume, group] = [await things.network(), await things.volume(), await things.group()];
    const floating = await things.floatingIp();
    const id = await things.server();
    const path = `/servers/${id}`;
    const locked: [path: string, body?: object][] = [
      ...["poweron", "poweroff", "shutdown", "reboot", "reset", "enable_backup", "disable_backup"].map(
        (name): [string] => [`${path}/actions/${name}`],
      ),
      [`${path}/actions/create_image`],
      [`${path}/actions/rebuild`, { image: "debian-12" }],
      [`${path}/actions/change_type`, { server_type: "cx23", upgrade_disk: false }],
      [`${path}/actions/attach_to_network`, { network }],
      [`${path}/actions/detach_from_network`, { network }],
      [`${path}/actions/change_alias_ips`, { network, alias_ips: [] }],
      [`${path}/actions/add_to_placement_group`, { placement_group: group }],
      [`${path}/actions/remove_from_placement_group`],
      [`/volumes/${volume}/actions/attach`, { server: id }],
      [`/floating_ips/${floating}/actions/assign`, { server: id }],
      [`/volumes`, { name: "locked", size: 10, server: id }],
      [`/floating_ips`, { type: "ipv4", server: id }],
      [`/primary_ips`, { name: "locked", type: "ipv4", assignee_type: "server", assignee_id: id }],
    ];
    await during(
      "shutdownMachine",
      () => cloud.post(`${path}/actions/shutdown`),
      async () => {
        expect((await cloud.get(path)).body.server?.locked).toBe(true);
        for (const [where, body] of locked) {
          expect(`${where} ${problem(await cloud.post(where, body))}`).toBe(`${where} 423 locked`);
        }
        expect(problem(await cloud.delete(path))).toBe("423 locked");
      },
    );
  });

  test("a volume and a floating IP during an action of their own", async () => {
    const { cloud } = things;
    const [server, volume, floating] = [
      await things.server(),
      await things.volume(),
      await things.floatingIp(),
    ];
    await during(
      "resizeVolume",
      () => cloud.post(`/volumes/${volume}/actions/resize`, { size: 20 }),
      async () => {
        for (const [action, body] of [
          ["attach", { server }],
          ["detach"],
          ["resize", { size: 30 }],
        ] as const) {
          expect(problem(await cloud.post(`/volumes/${volume}/actions/${action}`, body))).toBe("423 locked");
        }
        expect(problem(await cloud.delete(`/volumes/${volume}`))).toBe("423 locked");
      },
    );
    await during(
      "setPublicAddresses",
      () => cloud.post(`/floating_ips/${floating}/actions/assign`, { server }),
      async () => {
        for (const [action, body] of [["assign", { server }], ["unassign"]] as const) {
          expect(problem(await cloud.post(`/floating_ips/${floating}/actions/${action}`, body))).toBe(
            "423 locked",
          );
        }
        expect(problem(await cloud.delete(`/floating_ips/${floating}`))).toBe("423 locked");
      },
    );
  });
});

describe("resource_limit_exceeded names the limit", () => {
  const limitOf = async (path: string, body: object) => {
    const answer = await things.cloud.post(path, body);
    expect(problem(answer)).toBe("403 resource_limit_exceeded");
    return answer.body.error?.details;
  };
  const limit = (name: string) => ({ limits: [{ name }] });

  test("of a server", async () => {
    const networks = [await things.network(1), await things.network(2), await things.network(3)];
    const id = await things.server({ ...off, networks });
    expect(
      await limitOf(`/servers/${id}/actions/attach_to_network`, { network: await things.network(4) }),
    ).toEqual(limit("networks_per_server"));
    for (let made = 0; made < 16; made++) await things.volume({ server: id, location: undefined });
    expect(await limitOf("/volumes", { name: "too-many", size: 10, server: id })).toEqual(
      limit("volumes_per_server"),
    );
    const apply_to = [{ type: "server", server: { id } }];
    for (let made = 0; made < 5; made++) await things.firewall({ apply_to });
    expect(await limitOf("/firewalls", { name: "too-many", apply_to })).toEqual(
      limit("firewalls_per_server"),
    );
  });

  test("of a load balancer", async () => {
    const services = [1, 2, 3, 4, 5].map((port) => ({ protocol: "http", listen_port: port }));
    const targets = Array.from({ length: 25 }, (_, index) => ({
      type: "label_selector",
      label_selector: { selector: `app=${index}` },
    }));
    const path = `/load_balancers/${await things.balancer({ services, targets })}/actions`;
    expect(await limitOf(`${path}/add_service`, { protocol: "http", listen_port: 6 })).toEqual(
      limit("load_balancer_services"),
    );
    const further = { type: "label_selector", label_selector: { selector: "app=26" } };
    expect(await limitOf(`${path}/add_target`, further)).toEqual(limit("load_balancer_targets"));
  });

  test("of public addresses", async () => {
    const full = await Things.start();
    try {
      for (;;) {
        const name = `ip-${Math.random()}`;
        const answer = await full.cloud.post("/primary_ips", { name, type: "ipv4", location: "fsn1" });
        if (answer.status === 201) continue;
        expect(problem(answer)).toBe("403 resource_limit_exceeded");
        expect(answer.body.error?.details).toEqual(limit("public_ipv4"));
        break;
      }
    } finally {
      await full.cloud.close();
    }
  });
});

describe("what cannot be done as things are", () => {
  const asked = async (path: string, body: object = {}) => problem(await things.cloud.post(path, body));

  test("is a service_error", async () => {
    const running = await things.server();
    const [volume, floating, primary] = [
      await things.volume(),
      await things.floatingIp(),
      await things.primaryIp(),
    ];
    expect(await asked(`/volumes/${volume}/actions/detach`)).toBe("422 service_error");
    expect(await asked(`/floating_ips/${floating}/actions/unassign`)).toBe("422 service_error");
    expect(await asked(`/primary_ips/${primary}/actions/unassign`)).toBe("422 service_error");
    const attached = await things.volume({ server: running, location: undefined });
    expect(problem(await things.cloud.delete(`/volumes/${attached}`))).toBe("422 service_error");
    const network = await things.network();
    await things.act(`/servers/${running}/actions/attach_to_network`, { network });
    const subnet = { ip_range: "10.0.1.0/24" };
    expect(await asked(`/networks/${network}/actions/delete_subnet`, subnet)).toBe("422 service_error");
    const bare = await things.server({ ...off, public_net: { enable_ipv4: false, enable_ipv6: false } });
    expect(await asked(`/servers/${bare}/actions/poweron`)).toBe("422 service_error");
    const target = { type: "server", server: { id: running }, use_private_ip: true };
    const balancer = await things.balancer({ network, targets: [target] });
    const detach = `/load_balancers/${balancer}/actions/detach_from_network`;
    expect(await asked(detach, { network })).toBe("422 service_error");
  });

  test("is resource_in_use, resource_unavailable or unsupported_error", async () => {
    const certificate = await things.certificate();
    const https = { protocol: "https", http: { certificates: [certificate] } };
    await things.balancer({ services: [https] });
    expect(problem(await things.cloud.delete(`/certificates/${certificate}`))).toBe("409 resource_in_use");

    const foreign = process.arch === "arm64" ? "cx23" : "cax11";
    const server = { name: "foreign", server_type: foreign, image: "debian-12", location: "fsn1" };
    expect(await asked("/servers", server)).toBe("412 resource_unavailable");

    expect(await asked(`/certificates/${certificate}/actions/retry`)).toBe("422 unsupported_error");
    const subnet = { type: "vswitch", network_zone: "eu-central", vswitch_id: 1 };
    expect(await asked(`/networks/${await things.network()}/actions/add_subnet`, subnet)).toBe(
      "422 unsupported_error",
    );
  });
});
