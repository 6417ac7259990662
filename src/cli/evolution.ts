import type { StageSettings } from "../evolve/plan.js";
import { changeToken, type Guarded, guarded, stageChange } from "../topology/guard.js";
import type { Settings } from "../settings/schema.js";
import type { Topology } from "../topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { bundleOf, findDeployedBundle } from "./bundles.js";
import { sshAccess } from "./commands/ssh.js";
import { DatabaseSide } from "./database-side.js";
import { CliError, ExitCode } from "./errors.js";
import { isHeld, letGo } from "./let-go.js";
import { unprotect } from "./protection.js";
import { runOperation } from "./pulumi.js";
import { removeStaleLocks } from "./recovery/lock.js";
import { recover } from "./recovery/recover.js";
import { exportState, isServer, type StateResource } from "./recovery/state.js";
import type { Session } from "./session.js";
import { requireSettings } from "./settings.js";
import { configInTree } from "./stack.js";
import { setStage } from "./stage-mark.js";

/**
 * `pulumi up` at a stage to which the data has been moved, so that the guard may let it pass. The stack stays there.
 * @throws CliError when it fails; calling it again goes on
 */
export async function upAtStage(
  session: Session,
  stage: StageSettings,
  report: (message: string) => void,
): Promise<void> {
  const { pulumi, stack } = session;
  if (await removeStaleLocks(stack)) report("removed the lock of a run that was killed");
  await recover(session, report);
  const settings = await requireSettings(stack, stage);
  const topology = topologyOf(settings);
  const { resources = [] } = (await exportState(pulumi)).deployment;
  const token = tokenOfMove(guardedNow(resources), guarded(settings, topology));
  const left = notIn(topology, resources);
  if (stage.joining !== undefined || stage.leaving !== undefined) requireWaysIn(left);
  // The app stays what it is: a move is no deployment.
  pulumi.env["DUKAAN_API_BUNDLE"] = await findDeployedBundle(bundleOf(resources));
  // Whoever finishes or aborts a move has said that they may go; while one is under way, only machines can be among them.
  const gone = new Set(left.map(({ urn }) => urn));
  const goes = ({ urn }: StateResource) => gone.has(urn);
  if (left.some(isHeld)) {
    requireIn(topologyOf(await requireSettings(stack)), left.filter(isHeld));
    // Before the settings say that it goes: then no update reaches it any more.
    await letGo(session, report, goes);
  }
  await setStage(pulumi, stage, await configInTree(stack.name));
  if (gone.size > 0) await unprotect(session, goes);
  await runOperation(pulumi, "up", report, token === "" ? [] : ["--config", `dukaan:changeToken=${token}`]);
}

/**
 * Allows the move of the data and nothing else.
 * @throws CliError (refused) when something else has been changed meanwhile that the guard refuses
 */
function tokenOfMove(old: Guarded | undefined, next: Guarded): string {
  const change = old ? changeToken(old, next) : "";
  const token = change.split(",").every((part) => part.startsWith("stage:")) ? change : "";
  const refusal = old && stageChange(old, { ...next, token });
  if (refusal) throw new CliError(refusal.reason, refusal.remedy, ExitCode.refused);
  return token;
}

/** @throws CliError (refused) when settings no longer have what AWS is to let go of */
function requireIn(topology: Topology, held: readonly StateResource[]): void {
  const [lost] = notIn(topology, held);
  if (!lost) return;
  throw new CliError(
    `AWS protects ${nameOf(lost.urn)} from deletion, and the stack's settings have it no more; nothing was changed`,
    "Put back what the settings said when it was made (dukaan:stage, dukaan:leaving, dukaan:loadBalancer), then run the same command again.",
    ExitCode.refused,
  );
}

/**
 * Puts a stack at another stage for an `up`, if no data has to be moved for that.
 * @throws CliError with the command that moves it
 */
export async function goToStage({ pulumi, stack }: Session, stage: string): Promise<void> {
  const settings = await requireSettings(stack, stage);
  const old = guardedNow((await exportState(pulumi)).deployment.resources ?? []);
  const refusal = old && stageChange(old, guarded(settings, topologyOf(settings)));
  if (refusal) throw new CliError(refusal.reason, refusal.remedy, ExitCode.refused);
  await setStage(pulumi, settings, await configInTree(stack.name));
}

/**
 * Between the end of the old database and the `up` of the new stage, an `up` of the old one would put roles back that
 * lead nowhere.
 * @throws CliError with the command that goes on
 */
export async function refuseMidway(session: Session, joining: string | undefined): Promise<void> {
  if (joining === undefined) return;
  const access = await sshAccess(session);
  const { state } = await new DatabaseSide(access, access.services["postgresql"]?.[0] ?? "").status();
  if (state !== "fenced" && state !== "read-only") return;
  throw new CliError(
    `the database is on its way to stage ${joining}, and the old one ${state === "fenced" ? "has ended" : "is read-only"}`,
    `Go on with ./dukaan evolve ${joining}.`,
    ExitCode.refused,
  );
}

/**
 * What the stack has and its settings do not: it was to be removed when a run was cut off. Not a floating address, which
 * whoever takes it out of the settings gives up with no move.
 */
export async function leftBeside(session: Session, settings: Settings): Promise<StateResource[]> {
  const { resources = [] } = (await exportState(session.pulumi)).deployment;
  return notIn(topologyOf(settings), resources).filter(({ type }) => type !== floatingType);
}

/** Whether the stack has a database's role on a machine where its settings have none, likewise. */
export async function hasDatabaseBeside(session: Session, settings: Settings): Promise<boolean> {
  const { machines, services } = topologyOf(settings);
  const databases = services.filter(({ name }) => name.startsWith("postgresql"));
  const without = machines.filter(
    ({ name }) => !databases.some((service) => service.machines.includes(name)),
  );
  const beside = new Set(without.map(({ name }) => `${name}-postgresql`));
  const { resources = [] } = (await exportState(session.pulumi)).deployment;
  return resources.some(({ type, urn }) => type === "dukaan:index:Role" && beside.has(nameOf(urn)));
}

/** Whether the cloud had a machine's server when the state was last compared with it. */
export async function hasServer(session: Session, machine: string): Promise<boolean> {
  const { resources = [] } = (await exportState(session.pulumi)).deployment;
  return resources.some((resource) => isServer(resource) && nameOf(resource.urn) === machine);
}

/**
 * Both ways in stay open until a move is finished: a setting that would close one has been changed meanwhile.
 * @throws CliError (refused) that names what would go
 */
export function requireWaysIn(left: readonly Pick<StateResource, "type" | "urn">[]): void {
  const way = left.find(({ type }) => balancerTypes.includes(type) || type === floatingType);
  if (!way) return;
  const what = balancerTypes.includes(way.type)
    ? "the provider's load balancer"
    : "the shop's floating address";
  throw new CliError(
    `${what} (${nameOf(way.urn)}) would be removed in the middle of the move: whoever knows its address would find it closed`,
    "Put dukaan:loadBalancer, dukaan:loadBalancers and dukaan:floatingIp back to what they were, then run the same command again. Change them when the move is finished.",
    ExitCode.refused,
  );
}

/**
 * Machines with their addresses, load balancers, floating addresses, and AWS's subnets, that a state has and the topology
 * has not.
 */
export function notIn<Resource extends Pick<StateResource, "type" | "urn">>(
  topology: Topology,
  resources: readonly Resource[],
): Resource[] {
  const machines = serversNotIn(topology, resources);
  const others = new Map([
    ...balancerTypes.map((type) => [type, topology.loadBalancers] as const),
    [floatingType, topology.floatingAddresses],
  ]);
  return resources.filter(({ type, urn }) => {
    if (others.has(type)) return !(others.get(type) ?? []).some(({ name }) => name === nameOf(urn));
    if (type === subnetType) return !hasSubnet(topology, nameOf(urn));
    return machines.some((machine) => belongsTo(urn, machine));
  });
}

function serversNotIn(
  topology: Topology,
  resources: readonly Pick<StateResource, "type" | "urn">[],
): string[] {
  const kept = new Set(topology.machines.map(({ name }) => name));
  return resources
    .filter((resource) => isServer(resource) && !kept.has(nameOf(resource.urn)))
    .map(({ urn }) => nameOf(urn));
}

function guardedNow(resources: readonly StateResource[]): Guarded | undefined {
  return resources.find(({ type }) => type === "dukaan:index:Stage")?.inputs as unknown as
    | Guarded
    | undefined;
}

/** Whether a subnet of AWS, e.g. "us-east-1-app-a", is a tier's, or one of those for what AWS itself runs. */
function hasSubnet({ regions }: Topology, subnet: string): boolean {
  return regions.some(({ name, subnets }) =>
    ["public", ...subnets.map(({ tier }) => tier)].some((tier) => subnet.startsWith(`${name}-${tier}-`)),
  );
}

const balancerTypes = ["hcloud:index/loadBalancer:LoadBalancer", "aws:lb/loadBalancer:LoadBalancer"];
const subnetType = "aws:ec2/subnet:Subnet";
const floatingType = "hcloud:index/floatingIp:FloatingIp";

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

/** A machine's server and its addresses: `database-1`, `database-1-ipv4`. */
function belongsTo(urn: string, machine: string): boolean {
  return (
    urn.includes("dukaan:index:Machine$") &&
    (nameOf(urn) === machine || nameOf(urn).startsWith(`${machine}-`))
  );
}
