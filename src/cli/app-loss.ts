import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { countLogged, judgeLoss } from "../drill/judge.js";
import type { Loss } from "../drill/losses.js";
import type { RecordedLoss } from "../drill/report.js";
import { startLoad } from "../load/load.js";
import { type AskDatabase, verify } from "../load/verify.js";
import type { BalancerWatch } from "./balancer-watch.js";
import { machinesRunning, type SshAccess } from "./commands/ssh.js";
import { CliError } from "./errors.js";
import { type DrilledServer, loggedRequests } from "./drilled-server.js";
import type { ShopOutputs } from "./shop.js";

/** Before a loss, so that all connections are in use and the figures have something to be held against. */
const secondsBefore = 3;
/** A server that is in rotation for longer stays there. */
const secondsUntilOut = 10;
/** Until a server that was switched on takes requests again: it boots, and starts the app. */
const secondsUntilBack = 180;

/** Seconds after which a broken server mends itself. @param seconds that it is to be lost for */
export function brokenFor(seconds: number): number {
  return seconds + secondsUntilOut + 30;
}

/** What a drill has at hand. */
export interface Stage {
  shop: ShopOutputs;
  access: SshAccess;
  ask: AskDatabase;
  watch: BalancerWatch;
  /** Name of the app server that is lost. */
  name: string;
  server: DrilledServer;
  /** Visits a second. */
  rate: number;
  /** How long it stays lost, and how long visitors go on after it is back. */
  seconds: number;
  /** For the journals of orders. */
  folder: string;
  /** Ends it early. */
  signal: AbortSignal;
}

/** Loses an app server under load, brings it back, and says what that has cost. Mends it also when it fails on the way. */
export async function loseAppServer(
  loss: Loss,
  stage: Stage,
  report: (message: string) => void,
): Promise<RecordedLoss> {
  const { shop, access, ask, watch, name, server, rate, seconds, folder, signal } = stage;
  const pause = async (duration: number) => sleep(duration * 1000, undefined, { signal });
  await requireAll(stage);
  const journal = join(folder, `${loss}.jsonl`);
  const ca = shop.caCertificate;
  report(`${rate} visitors a second come to the shop`);
  const load = await startLoad({ url: shop.url, rate, journal, ...(ca !== undefined && { ca }) });
  const firstLook = watch.looks.length;
  let brokenAt: number;
  let mendedAt: number;
  let done: Awaited<ReturnType<typeof load.stop>>;
  try {
    await pause(secondsBefore);
    report(`losing ${name}`);
    try {
      brokenAt = await server.break(loss, brokenFor(seconds));
      await Promise.race([
        watch.until(`${name} out of rotation`, secondsUntilOut * 1000, () => watch.isOut(name), signal),
        // A disk that is full may well be no reason.
        ...(loss === "disk" ? [pause(1)] : []),
      ]).catch(rethrowUnlessPatienceEnded);
      await pause(seconds);
    } finally {
      report(`bringing ${name} back`);
      mendedAt = await server.mend();
    }
    await watch.until(
      `${name} in rotation`,
      secondsUntilBack * 1000,
      () => watch.inRotation().includes(name),
      signal,
    );
    await pause(seconds);
  } finally {
    done = await load.stop();
  }
  const endedAt = Date.now();
  const looks = watch.looks.slice(firstLook);
  report("holding the journals against each other");
  const orders = await verify(journal, ask);
  const logs = await Promise.all(
    Object.values(machinesRunning(access, "nginx")).map(async (target) =>
      loggedRequests(access, target, load.startedAt.getTime()),
    ),
  );
  const result = judgeLoss({
    loss,
    server: name,
    startedAt: load.startedAt.getTime(),
    samples: load.samples,
    looks,
    brokenAt,
    mendedAt,
    endedAt,
    logged: countLogged(logs.flat()),
    orders,
  });
  return { result, load: done, brokenAt, mendedAt, looks };
}

/** Losing a server while another one is away would close the shop. */
async function requireAll({ watch, access, signal }: Stage): Promise<void> {
  const servers = Object.keys(machinesRunning(access, "api"));
  await watch.until(
    "all app servers in rotation",
    30_000,
    () => {
      const there = watch.inRotation();
      return servers.every((server) => there.includes(server));
    },
    signal,
  );
}

/** That a server stays in rotation is a finding, and no failure of the drill. */
function rethrowUnlessPatienceEnded(error: unknown): void {
  if (!(error instanceof CliError)) throw error;
}
