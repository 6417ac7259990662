import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until an SSH server says its name: a server that its cloud calls running may have just begun to boot. Ends
 * without an error after some time, too: whoever needs the machine then says so.
 * @param host e.g. "203.0.113.10"
 */
export async function untilSshAnswers(host: string, seconds: number, port = 22): Promise<void> {
  const patience = performance.now() + seconds * 1000;
  while (!(await sshAnswers(host, port)) && performance.now() < patience) await sleep(250);
}

/** Whether an SSH server says its name there. */
export function sshAnswers(host: string, port = 22): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const settle = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("data", (banner) => settle(banner.toString().startsWith("SSH-")));
    socket.once("timeout", () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
  });
}
