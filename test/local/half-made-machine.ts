/**
 * Starts making machine 3 and says so when it is half made: a test kills this process then.
 *
 *   half-made-machine INSTANCE SLOT HOME IMAGE
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createLinuxHost } from "../../local/machines/linux-host.js";

const [instance = "", slot = "", home = "", image = ""] = process.argv.slice(2);
const host = createLinuxHost({ instance, slot: Number(slot), home, image, onLog: () => {} });
await host.up();
await host.createMachine({
  id: "3",
  name: "machine-3",
  image: "debian-12",
  limits: { cores: 1, memoryBytes: 2 ** 28, diskBytes: 2 ** 30 },
  userData: "",
  authorizedKeys: [],
  addresses: {},
});
const started = host.startMachine("3");
while (!existsSync(`/run/netns/dk-${instance}.m3`)) await sleep(1);
console.log("half made");
await started;
