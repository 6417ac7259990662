import { readdir, stat } from "node:fs/promises";
import { loopDevices } from "../machines/disks.js";
import {
  balancerGroup,
  balancerStation,
  machineNamespace,
  networkNamespace,
  servicesGroup,
} from "../machines/instance.js";
import { lxcfsAnswers, lxcfsFolder } from "../machines/lxcfs.js";
import { namespacesOf } from "../machines/namespaces.js";
import { exitsFolder, pidsFolder, straySupervisors } from "../machines/nspawn.js";
import { processOf } from "../machines/pid-file.js";
import { readBalancers, readNetworks } from "../machines/records.js";
import { mountsOf } from "../machines/traces.js";
import { volumeImage } from "../machines/volume-devices.js";
import { doorPidFile } from "../api/door.js";
import type { VolumeRow } from "../api/volume-rows.js";
import { storagePidFile } from "../storage/server.js";
import { compare, compareSets, type Look, subjectOf } from "./look.js";

/** What is on the computer in the instance's name and belongs to nothing; and what every instance must have. */
export async function checkLeftovers(look: Look): Promise<void> {
  const { instance, groups } = look;
  const busyServers = new Set(
    [...look.busy].filter((one) => one.startsWith("server:")).map((one) => one.slice("server:".length)),
  );
  const computer = "this computer";
  /** Names that contain the id of a server at work are not judged. */
  const settled = (names: string[]) =>
    names.filter((name) => ![...busyServers].some((id) => name.includes(id)));
  const running = settled([...look.running]);
  const balancers = (await readBalancers(instance)).map(({ id }) => id);
  const networks = (await readNetworks(instance)).map(({ id }) => id);
  const atWork = [...look.busy].some((one) => /^(network|load_balancer):/.test(one));

  if (!atWork) {
    compareSets(look, computer, "network namespace", settled(await namespacesOf(instance)), [
      instance.world,
      ...networks.map((id) => networkNamespace(instance, id)),
      ...[...running, ...balancers].map((id) => machineNamespace(instance, id)),
    ]);
    const group = (path: string) => path.slice(instance.name.length + 1);
    compareSets(look, computer, "control group", settled(await groups.children(instance.name)), [
      group(servicesGroup(instance)),
      ...running,
      ...balancers.map((id) => group(balancerGroup(instance, id.slice(balancerStation("").length)))),
    ]);
  }
  compareSets(look, computer, "mount", await mountsOf(instance), [lxcfsFolder(instance)]);
  for (const pid of await straySupervisors(instance)) {
    if (busyServers.size === 0)
      look.differ(computer, `process ${pid} supervises a machine that it should not`);
  }
  const entries = async (folder: string) => settled(await readdir(folder).catch(() => []));
  compareSets(look, computer, "file of the process of machine", await entries(pidsFolder(instance)), running);
  compareSets(look, computer, "file of the end of machine", await entries(exitsFolder(instance)), []);
  compareSets(
    look,
    computer,
    "folder of machine",
    await entries(instance.machinesFolder),
    settled([...look.machines.keys()]),
  );
  for (const id of settled([...look.machines.keys()])) {
    for (const name of await entries(`${instance.machinesFolder}/${id}`)) {
      if (/\.new$|^new-/.test(name)) look.differ(`machine ${id}`, `${name} is left of something unfinished`);
    }
  }
  const deleted = await Promise.all(
    [instance.machinesFolder, instance.volumesFolder].map((folder) => loopDevices(`${folder}/`)),
  );
  for (const { device, file } of deleted.flat()) {
    if (file.endsWith("(deleted)") && settled([file]).length > 0)
      look.differ(computer, `${device} holds a deleted file: ${file}`);
  }
  await checkVolumes(look);
  await checkImages(look);
  for (const [what, pidFile] of [
    ["the object storage", storagePidFile(instance)],
    ["the API's door for machines", doorPidFile(instance)],
  ] as const) {
    if ((await processOf(pidFile)) === undefined) look.differ(what, "does not run");
  }
  if (!(await lxcfsAnswers(instance))) look.differ("lxcfs", "does not answer");
}

async function checkImages(look: Look): Promise<void> {
  const settled = (ids: string[]) => ids.filter((id) => !look.busy.has(`image:${id}`));
  const rows = look.cloud.state.all<{ id: number }>("SELECT id FROM images").map(({ id }) => String(id));
  const folders = await readdir(look.instance.imagesFolder).catch(() => []);
  compareSets(look, "this computer", "image", settled(folders), settled(rows));
}

async function checkVolumes(look: Look): Promise<void> {
  const { instance, cloud } = look;
  const volumes = cloud.state.all<VolumeRow>("SELECT * FROM volumes");
  const isBusy = (id: string) => look.busy.has(`volume:${id}`);
  const files = (await readdir(instance.volumesFolder).catch(() => [])).filter(
    (name) => !isBusy(name.split(".")[0] ?? ""),
  );
  const wanted = volumes.filter(({ id }) => !isBusy(String(id)));
  compareSets(
    look,
    "this computer",
    "file of a volume",
    files,
    wanted.map(({ id }) => `${id}.img`),
  );
  for (const volume of wanted) {
    const subject = subjectOf("volume", volume);
    const image = volumeImage(instance, String(volume.id));
    const size = (await stat(image).catch(() => undefined))?.size;
    compare(look, subject, "size", size, volume.size * 2 ** 30);
    // That of a server at work comes and goes with its power.
    if (volume.server_id !== null || look.busy.has(`server:${volume.server_id}`)) continue;
    for (const { device } of await loopDevices(image))
      look.differ(subject, `is attached to no server, and open as ${device}`);
  }
}
