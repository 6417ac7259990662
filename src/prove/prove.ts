import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Topology } from "../topology/topology.js";
import { expectedOn, outside, type Path, pathsBetween, type Place } from "./expectation.js";
import { judgeListeners, judgePaths, type NetworkFinding, type Walked } from "./judge.js";
import { portsToAsk } from "./ports.js";
import type { Answers, Look, Prober, Questions } from "./prober.js";

export interface NetworkProof {
  findings: NetworkFinding[];
  walked: Walked[];
  /** Questions in all: ports of every path, and pings. */
  questions: number;
  /** What could not be asked, and why. */
  omitted: string[];
}

export interface ProofArgs {
  topology: Topology;
  /** Public addresses by machine. */
  addresses: Readonly<Record<string, { ipv4?: string; ipv6?: string }>>;
  /** Services that machines use and that answer, e.g. the object storage; each with its port. */
  beyond: readonly Place[];
  /** One for each machine. */
  machines: readonly Prober[];
  /** Where the command runs. */
  here: Prober;
  sample: number;
  seed: number;
  report: (message: string) => void;
}

/** How long a connection is waited for, in seconds: where firewalls drop, that is the time which all of it takes. */
const patience = { first: 1, again: 4 };

/**
 * Asks every port of every path and compares what passes with the flows. What a flow declares and did not pass is asked
 * again with more patience before it is believed: a busy machine may answer late. What passed, passed.
 * @throws ProberError when somebody who was to ask cannot
 */
export async function proveNetwork(args: ProofArgs): Promise<NetworkProof> {
  const { topology, machines, here, beyond, report } = args;
  report("what listens on the machines");
  const looks = await Promise.all(machines.map((machine) => machine.look()));
  const mark = `dukaan-prove-${randomBytes(8).toString("hex")}`;
  await Promise.all(machines.map((machine) => machine.hear(mark)));
  const asking = await placeOutside(args, looks);
  const paths = pathsBetween([asking, ...machines.map(({ name }) => placeOf(args, name)), ...beyond]);
  const ports = portsToAsk(topology, looks, args.sample, args.seed);
  const questions = paths.map(({ path, address, only }): Questions =>
    only === undefined
      ? { path, address, ...ports, ping: true }
      : { path, address, tcp: [only], udp: [], ping: false },
  );

  report(`${ports.tcp.length} TCP and ${ports.udp.length} UDP ports on ${paths.length} paths`);
  const round = { everybody: [here, ...machines], machines, paths, topology, mark };
  const first = await ask(round, questions, patience.first);
  let walked = await gather(round, first);
  const late = missing(walked, questions);
  if (late.length > 0) {
    report(`${late.length} paths again, with more patience`);
    const again = await ask(round, late, patience.again);
    walked = await gather(round, [...first, ...again]);
  }
  return {
    findings: [
      ...judgePaths(walked),
      ...machines.flatMap(({ name }, index) => judgeListeners(name, looks[index]!.listeners, walked)),
    ],
    walked,
    questions: questions.reduce((sum, { tcp, udp, ping }) => sum + tcp.length + udp.length + Number(ping), 0),
    omitted: omitted(asking, walked, args),
  };
}

function placeOf({ topology, addresses }: ProofArgs, name: string): Place {
  const machine = topology.machines.find((each) => each.name === name);
  return { name, ...addresses[name], ...(machine && { private: machine.privateAddress }) };
}

/** This computer, with the addresses that machines see it under: behind a translating router it does not know its own. */
async function placeOutside(
  { here, machines, addresses }: ProofArgs,
  looks: readonly Look[],
): Promise<Place> {
  const all = machines.map(({ name }) => addresses[name]);
  const seen = (colon: boolean) =>
    looks.map(({ client }) => client).find((client) => client !== "" && client.includes(":") === colon);
  const ownFor = async (target: string | undefined) =>
    target === undefined ? undefined : here.sourceFor(target);
  const ipv4 = seen(false) ?? (await ownFor(all.find((each) => each?.ipv4)?.ipv4));
  const ipv6 = seen(true) ?? (await ownFor(all.find((each) => each?.ipv6)?.ipv6));
  return { name: outside, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

/** What all rounds of asking have in common. */
interface Round {
  everybody: readonly Prober[];
  machines: readonly Prober[];
  paths: readonly Path[];
  topology: Topology;
  mark: string;
}

async function ask(
  { everybody, paths, mark }: Round,
  questions: readonly Questions[],
  seconds: number,
): Promise<Answers[]> {
  const from = new Map(paths.map((path) => [path.path, path.from]));
  const shares = everybody.map((prober) => questions.filter(({ path }) => from.get(path) === prober.name));
  // Everybody waits for the one that has the most to ask.
  const most = Math.max(...shares.map((share) => share.reduce((sum, { tcp }) => sum + tcp.length, 0)));
  const answers = await Promise.all(
    everybody.map((prober, index) => prober.probe(shares[index]!, mark, { seconds, most })),
  );
  // The last datagrams may be on their way.
  await sleep(200);
  return answers.flat();
}

/** What all rounds have found, by path. */
async function gather({ machines, paths, topology }: Round, answers: readonly Answers[]): Promise<Walked[]> {
  const arrivals = (await Promise.all(machines.map((machine) => machine.arrivals()))).flat();
  return paths.map((path) => {
    const ofPath = answers.filter((answer) => answer.path === path.path);
    const open = new Set(ofPath.flatMap((answer) => answer.open));
    const refused = new Set(ofPath.flatMap((answer) => answer.refused)).difference(open);
    const datagrams = arrivals.filter(([number]) => number === path.path).map(([, port]) => port);
    return {
      path,
      expected: expectedOn(topology, path),
      found: {
        open: [...open],
        refused: [...refused],
        datagrams,
        ping: ofPath.some(({ ping }) => ping === true) || (ofPath[0]?.ping ?? null),
      },
    };
  });
}

/** What must have passed and did not, to be asked once more. */
function missing(walked: readonly Walked[], questions: readonly Questions[]): Questions[] {
  return walked.flatMap(({ path: { path }, expected, found }) => {
    const asked = questions.find((each) => each.path === path)!;
    const through = new Set([...found.open, ...found.refused]);
    const tcp = [...expected.tcp.difference(through)];
    const udp = [...expected.udp.difference(new Set(found.datagrams))];
    const ping = expected.ping && found.ping === false;
    return tcp.length > 0 || udp.length > 0 || ping ? [{ ...asked, tcp, udp, ping }] : [];
  });
}

function omitted(asking: Place, walked: readonly Walked[], { addresses }: ProofArgs): string[] {
  const hasIpv6 = Object.values(addresses).some(({ ipv6 }) => ipv6 !== undefined);
  const mute = walked.filter(({ path, found }) => path.only === undefined && found.ping === null);
  return [
    ...(asking.ipv6 === undefined && hasIpv6 ? ["IPv6 from outside: this computer has none"] : []),
    ...[...new Set(mute.map(({ path }) => path.from))].map(
      (name) => `pings from ${name}: they want root there`,
    ),
  ];
}
