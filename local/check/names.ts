import { readdir, readFile } from "node:fs/promises";
import { wantedZones } from "../api/name-jobs.js";
import { nameServerFiles, servedZones, zoneFile } from "../machines/name-server.js";
import { processOf } from "../machines/pid-file.js";
import { compareSets, type Look } from "./look.js";

/** The name server against the zones and reverse entries. Without any it does not run. */
export async function checkNames(look: Look): Promise<void> {
  const { instance, cloud } = look;
  if ([...look.busy].some((one) => one.startsWith("zone:"))) return;
  const subject = "the name server";
  const { zonesFolder, pid } = nameServerFiles(instance);
  const served = await servedZones(instance);
  // Which serial a reverse zone has is known to the process alone that makes it.
  const zones = wantedZones(cloud.state, (name) => served?.get(name) ?? 0);
  const runs = (await processOf(pid)) !== undefined;
  if (runs !== zones.length > 0) {
    return look.differ(subject, runs ? "runs, and there is no zone" : "does not run, and there are zones");
  }
  const files = await readdir(zonesFolder).catch(() => []);
  compareSets(
    look,
    subject,
    "zone file",
    files,
    zones.map(({ name }) => zoneFile(name)),
  );
  if (!runs) return;
  if (served === undefined) return look.differ(subject, "runs, and does not answer");
  compareSets(
    look,
    subject,
    "zone",
    served.keys(),
    zones.map(({ name }) => name),
  );
  for (const { name, serial, text } of zones) {
    const written = await readFile(`${zonesFolder}/${zoneFile(name)}`, "utf8").catch(() => "");
    if (written !== text) look.differ(subject, `its file of ${name} is not what the state says`);
    else if (served.get(name) !== serial) {
      look.differ(subject, `serves ${name} of serial ${served.get(name)}, the state says ${serial}`);
    }
  }
}
