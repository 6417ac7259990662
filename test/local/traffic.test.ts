import { afterAll, beforeAll, expect, test } from "vitest";
import { type MachineLab, machineSpec, openLab, reaches, sh, shOk, ssh, until } from "./machine-lab.js";

/** Two machines, and what leads traffic to one or the other. */
let lab: MachineLab;
let one: Awaited<ReturnType<typeof machineSpec>>;
let two: Awaited<ReturnType<typeof machineSpec>>;

beforeAll(async () => {
  lab = await openLab("t-traffic");
  [one, two] = [await machineSpec(lab, "1"), await machineSpec(lab, "2")];
  for (const spec of [one, two]) {
    await lab.host.createMachine(spec);
    await lab.host.startMachine(spec.id);
  }
  await until(() => reaches(one.addresses.ipv4, 22));
  await until(() => reaches(two.addresses.ipv4, 22));
});
afterAll(async () => lab?.remove());

test("a floating address moves between running machines, and its traffic with it", async () => {
  const floating = one.addresses.ipv4.replace(/\d+$/, (last) => String(Number(last) + 9));
  const network = `2001:db8:${lab.instance.slot}:f0::/64`;
  const ipv6 = network.replace("/64", "5");
  for (const id of ["1", "2"]) {
    await shOk(lab, id, `ip address add ${floating}/32 dev eth0; ip address add ${ipv6}/64 dev eth0 nodad`);
  }
  expect(await reaches(floating, 22)).toBe(false);
  const who = "cat /etc/machine-id";
  for (const [spec, other] of [
    [one, two],
    [two, one],
    [one, two],
  ] as const) {
    await lab.host.setPublicAddresses(other.id, other.addresses);
    const addresses = { ...spec.addresses, floatingIpv4: [floating], floatingIpv6Networks: [network] };
    await lab.host.setPublicAddresses(spec.id, addresses);
    expect(await ssh(floating, who)).toBe(await ssh(spec.addresses.ipv4, who));
    expect(await reaches(ipv6, 22)).toBe(true);
  }
  // It may also speak in that name, to those who do not take it for their own.
  await shOk(lab, "2", `ip address delete ${floating}/32 dev eth0`);
  const ping = await sh(lab, "1", `ping -c 1 -W 1 -I ${floating} ${two.addresses.ipv4}`);
  expect(ping.exitCode).toBe(0);
  await lab.host.setPublicAddresses("1", one.addresses);
  expect(await reaches(floating, 22)).toBe(false);
});
