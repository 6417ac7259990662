import { execa } from "execa";
import { type Look, isInRotation } from "../drill/judge.js";
import { renderTemplate } from "../template.js";
import { machinesRunning, type SshAccess } from "./commands/ssh.js";
import { CliError, ExitCode } from "./errors.js";
import { clockOffset } from "./machine-clock.js";

/** What all balancers of a stack think of its app servers, 20 times a second, until it is closed. */
export class BalancerWatch {
  /** In the order in which they came. */
  readonly looks: Look[] = [];
  readonly #stops: (() => void)[] = [];
  readonly #failures: string[] = [];

  /** @throws CliError when the stack has no HAProxy, or one of them says nothing within ten seconds */
  static async open(access: SshAccess): Promise<BalancerWatch> {
    if (!access.services["haproxy"]?.length) {
      throw new CliError(
        "the stack has no HAProxy that could be watched",
        "This drill is for a fleet with balancers of its own: ./dukaan evolve fleet, or dukaan:loadBalancer: haproxy",
        ExitCode.precondition,
      );
    }
    const watch = new BalancerWatch();
    const balancers = machinesRunning(access, "haproxy");
    try {
      await Promise.all(
        Object.entries(balancers).map(async ([name, target]) => watch.#follow(access, name, target)),
      );
      await watch.until("the first look", 10_000, () =>
        Object.keys(balancers).every((name) => watch.latest(name) !== undefined),
      );
    } catch (error) {
      watch.close();
      throw error;
    }
    return watch;
  }

  latest(balancer: string): Look | undefined {
    return this.looks.findLast((look) => look.balancer === balancer);
  }

  /** Servers that every balancer sends requests to. */
  inRotation(): string[] {
    const balancers = new Set(this.looks.map(({ balancer }) => balancer));
    const latest = [...balancers].map((name) => this.latest(name)!);
    const servers = Object.keys(latest[0]?.servers ?? {});
    return servers.filter((server) => latest.every((look) => isInRotation(look.servers[server])));
  }

  /** Whether no balancer sends requests to a server. */
  isOut(server: string): boolean {
    const balancers = new Set(this.looks.map(({ balancer }) => balancer));
    return [...balancers].every((name) => !isInRotation(this.latest(name)?.servers[server]));
  }

  /** @throws CliError when it has not come true in that time, or a balancer is silent */
  async until(what: string, patienceMs: number, isSo: () => boolean, signal?: AbortSignal): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!isSo()) {
      signal?.throwIfAborted();
      if (this.#failures.length > 0 || performance.now() > deadline) {
        throw new CliError(
          `${what} did not come within ${patienceMs / 1000} s${this.#failures.map((text) => `; ${text}`).join("")}`,
          "Look at what is wrong: ./dukaan diagnose",
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  async #follow(access: SshAccess, name: string, target: string): Promise<void> {
    const offset = await clockOffset(access, target);
    const following = execa("ssh", [...access.options, target, "python3", "-u", "-"], {
      input: renderTemplate("src/drill/watch-balancer.py"),
      reject: false,
      buffer: false,
    });
    let closed = false;
    this.#stops.push(() => {
      closed = true;
      following.kill();
    });
    const read = async () => {
      for await (const line of following) this.#add(name, line, offset);
      const { exitCode } = await following;
      if (!closed) this.#failures.push(`the look at ${name} ended with ${exitCode}`);
    };
    read().catch((error: unknown) => {
      if (!closed) this.#failures.push(`the look at ${name} ended: ${(error as Error).message}`);
    });
  }

  #add(balancer: string, line: string, offset: number): void {
    const { at, servers } = JSON.parse(line) as {
      at: number;
      servers: Record<string, [status: string, weight: number, requests: number]>;
    };
    this.looks.push({
      balancer,
      at: at * 1000 - offset,
      servers: Object.fromEntries(
        Object.entries(servers).map(([name, [status, weight, requests]]) => [
          name,
          { status, weight, requests },
        ]),
      ),
    });
  }
}
