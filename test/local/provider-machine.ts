import { rmSync } from "node:fs";
import { ensureHostPackages } from "../../local/image/host-packages.js";
import { ensureImage } from "../../local/image/image.js";
import { execInMachine } from "../../local/machines/enter.js";
import { instanceOf } from "../../local/machines/instance.js";
import { createLinuxHost } from "../../local/machines/linux-host.js";
import { loseUnsyncedData } from "../../local/machines/power-cut.js";
import { acquireSlot } from "../../local/machines/slots.js";
import { sshKey } from "../../providers/dukaan/resources/ssh-key.js";
import type { Connection } from "../../providers/dukaan/ssh/machine.js";
import { reveal } from "../../providers/dukaan/values.js";
import { makeLabFolder } from "../lab-folder.js";

/** One real machine with an SSH server whose host key we chose, as the program makes it. */
export interface TestMachine {
  connection: Connection;
  /** Runs a shell script in it, past SSH; its output. @throws when it fails */
  sh(script: string): Promise<string>;
  /** What it had not synced is lost; then it starts again. */
  cutPower(): Promise<void>;
  remove(): Promise<void>;
}

async function makeKey(comment: string): Promise<{ publicKey: string; privateKey: string }> {
  const { outputs } = await sshKey.create(
    { comment },
    {
      preview: false,
      signal: new AbortController().signal,
      log: () => {},
      progress: () => {},
    },
  );
  const { publicKey, privateKey } = reveal(outputs);
  if (typeof publicKey !== "string" || typeof privateKey !== "string") throw new Error("no key came out");
  return { publicKey, privateKey };
}

const silent = () => {};

/**
 * @param name of the instance; each test file takes its own
 * @param change makes another user-data of the good one
 */
export async function startTestMachine(
  name: string,
  change: (good: string) => string = (good) => good,
): Promise<TestMachine> {
  await ensureHostPackages(silent);
  const image = await ensureImage(silent);
  const home = await makeLabFolder("/var/lib");
  const slot = await acquireSlot(name, home);
  const instance = instanceOf(name, slot, home);
  const host = createLinuxHost({ instance: name, slot, home, image: image.path, onLog: silent });
  const id = "1";
  const ipv4 = `203.0.113.${64 * slot + 10}`;
  const [hostKey, loginKey] = [await makeKey("host"), await makeKey("deploy")];
  const remove = async () => {
    await host.down();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await host.up();
    await host.createMachine({
      id,
      name: "web-1",
      image: "debian-12",
      limits: { cores: 1, memoryBytes: 512 * 2 ** 20, diskBytes: 10 * 2 ** 30 },
      userData: change(userData(hostKey)),
      authorizedKeys: [loginKey.publicKey],
      addresses: { ipv4 },
    });
    await host.startMachine(id);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    connection: {
      host: ipv4,
      user: "root",
      hostKey: hostKey.publicKey,
      privateKey: loginKey.privateKey,
    },
    async sh(script) {
      const { exitCode, stdout, stderr } = await execInMachine(instance, id, ["sh", "-ceu", script]);
      if (exitCode !== 0) throw new Error(`${script}: exit code ${exitCode}\n${stdout}\n${stderr}`);
      return stdout;
    },
    async cutPower() {
      await loseUnsyncedData(instance, id);
      await host.powerOffMachine(id);
      await host.startMachine(id);
    },
    remove,
  };
}

function userData(hostKey: { publicKey: string; privateKey: string }): string {
  const indented = hostKey.privateKey.trim().replaceAll("\n", "\n    ");
  return `#cloud-config
ssh_deletekeys: true
ssh_keys:
  ed25519_private: |
    ${indented}
  ed25519_public: ${hostKey.publicKey}
`;
}
