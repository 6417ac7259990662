import type { Path, Passing } from "./expectation.js";
import type { Listener } from "./prober.js";

/** What was found on one path. */
export interface Found {
  /** Connections were made. */
  open: readonly number[];
  /** The packet got there, and nobody listened. */
  refused: readonly number[];
  /** Datagrams that came out of the target's firewall. */
  datagrams: readonly number[];
  /** null: nobody could ask. */
  ping: boolean | null;
}

/** A path with what must pass and what does. */
export interface Walked {
  path: Path;
  expected: Passing;
  found: Found;
}

/** Where the network is not what the flows say. */
export interface NetworkFinding {
  /**
   * hole: something passes that no flow declares. blocked: a declared flow does not pass. silent: it passes, and nobody
   * listens. listener: a program listens on all interfaces where no flow leads; the firewalls alone keep others out.
   */
  kind: "hole" | "blocked" | "silent" | "listener";
  from: string;
  to: string;
  side: "public" | "private";
  /** e.g. ["TCP 8080", "ping"] */
  what: string[];
  /** One sentence. */
  text: string;
  remedy: string;
}

/** Compares what was found with what must be. Pure. */
export function judgePaths(walked: readonly Walked[]): NetworkFinding[] {
  return walked.flatMap(({ path, expected, found }) => {
    const through = [...found.open, ...found.refused];
    const { datagrams } = found;
    const holes = named(
      through.filter((port) => !expected.tcp.has(port)),
      datagrams.filter((port) => !expected.udp.has(port)),
      found.ping === true && !expected.ping,
    );
    const blocked = named(
      [...expected.tcp].filter((port) => !through.includes(port)),
      [...expected.udp].filter((port) => !datagrams.includes(port)),
      found.ping === false && expected.ping,
    );
    const silent = named(
      found.refused.filter((port) => expected.tcp.has(port)),
      [],
      false,
    );
    return [
      ...finding("hole", path, holes),
      ...finding("blocked", path, blocked),
      ...finding("silent", path, silent),
    ];
  });
}

/** Programs that wait for the public where no flow leads. TCP alone: clients wait for answers by UDP, as those of DHCP. */
export function judgeListeners(
  machine: string,
  listeners: readonly Listener[],
  walked: readonly Walked[],
): NetworkFinding[] {
  const isDeclared = (port: number) =>
    walked.some(({ path, expected }) => path.to === machine && expected.tcp.has(port));
  const strangers = new Map(
    listeners
      .filter(({ protocol, address, port }) => {
        const everywhere = ["0.0.0.0", "*", "::"].includes(address);
        const itsOwn = walked.some(({ path }) => path.side === "public" && path.address === address);
        return protocol === "tcp" && (everywhere || itsOwn) && !isDeclared(port);
      })
      .map((listener) => [listener.port, listener]),
  );
  return [...strangers.values()].map(({ address, port, program }) => ({
    kind: "listener",
    from: "outside",
    to: machine,
    side: "public",
    what: [`TCP ${port}`],
    text: `${program || "a program"} on ${machine} listens at ${address}:${port}, where no flow leads: only the firewalls keep others out`,
    remedy: `Stop it, or let it listen on 127.0.0.1 (\`./dukaan ssh ${machine} -- ss -Hlntp sport = :${port}\` says which process it is); if it is wanted, declare the flow in stacks/.`,
  }));
}

function named(tcp: readonly number[], udp: readonly number[], ping: boolean): string[] {
  const ports = (protocol: string, list: readonly number[]) =>
    list.toSorted((a, b) => a - b).map((port) => `${protocol} ${port}`);
  return [...ports("TCP", tcp), ...ports("UDP", udp), ...(ping ? ["ping"] : [])];
}

function finding(kind: "hole" | "blocked" | "silent", path: Path, what: string[]): NetworkFinding[] {
  if (what.length === 0) return [];
  const { from, to, side, family, address } = path;
  const way = `from ${from} to ${to} (${side}, ${family}, ${address})`;
  const list =
    what.length > 12 ? `${what.slice(0, 12).join(", ")} and ${what.length - 12} more` : what.join(", ");
  const texts = {
    hole: `${list} ${passes(what)} ${way}, though no flow declares it`,
    blocked: `${list} ${passes(what, "not")} ${way}, though a flow declares it`,
    silent: `${list} ${passes(what)} ${way} as declared, and nobody listens there`,
  };
  // Private networks are filtered on the machine itself, public interfaces by the cloud.
  const rules =
    side === "private"
      ? `\`./dukaan ssh ${to} -- systemctl reload nftables\` loads the machine's rules again; if that changes nothing, \`./dukaan up\`.`
      : '`eval "$(./dukaan env)"; pulumi up --refresh` puts the cloud\'s firewalls back.';
  const remedy = kind === "silent" ? `\`./dukaan diagnose\` says what does not run on ${to}.` : rules;
  return [{ kind, from, to, side, what, text: texts[kind], remedy }];
}

function passes(what: readonly string[], not?: "not"): string {
  const many = what.length > 1;
  return not ? (many ? "do not pass" : "does not pass") : many ? "pass" : "passes";
}
