/**
 * Says that it begins, and makes and starts a machine: a test kills this process meanwhile.
 *
 *   half-made-machine INSTANCE SLOT HOME IMAGE MACHINE    (the machine's specification as JSON)
 */
import type { MachineSpec } from "../../local/machines/host.js";
import { createLinuxHost } from "../../local/machines/linux-host.js";

const [instance = "", slot = "", home = "", image = "", machine = ""] = process.argv.slice(2);
const spec: MachineSpec = JSON.parse(machine);
const host = createLinuxHost({ instance, slot: Number(slot), home, image, onLog: () => {} });
await host.up();
console.log("begins");
await host.createMachine(spec);
await host.startMachine(spec.id);
// Alive until it is killed.
setInterval(() => {}, 1000);
