import { setMocks } from "@pulumi/pulumi/runtime/mocks.js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";
import * as pulumi from "@pulumi/pulumi";

/** What the program asked the engine for. */
export interface RecordedResource {
  type: string;
  name: string;
  custom: boolean;
  /** Types of all parents, outermost first, as in a URN; without the stack. */
  chain: string[];
  parent: string;
  /** Its URN as the recorder made it, and those of what it depends on. */
  urn: string;
  dependencies: string[];
  protect: boolean;
  /** Left at the cloud when the stack goes. */
  retained: boolean;
  deletedWith: string;
  ignoreChanges: string[];
  /** Inputs as they went over the wire: secrets are wrapped. */
  inputs: Record<string, unknown>;
}

type Outputs = Record<string, unknown>;

/** The part of the engine's request that is recorded. */
interface RegisterRequest {
  getType(): string;
  getName(): string;
  getCustom(): boolean;
  getParent(): string;
  getDependenciesList(): string[];
  getProtect(): boolean;
  getRetainondelete(): boolean | undefined;
  getDeletedwith(): string;
  getIgnorechangesList(): string[];
  getObject(): { toJavaScript(): Record<string, unknown> } | undefined;
}

interface Monitor {
  newUrn: (parent: string, type: string, name: string) => string;
  registerResource: (request: RegisterRequest, callback: unknown) => Promise<void>;
}

/**
 * Runs a program against Pulumi's mock engine and returns every resource that it registered, in order.
 * @param outputsOf outputs that a provider would add, by resource type; among them its id, or it gets a number
 * @param answerOf what a function of a provider would answer; absent: the program calls none
 */
export async function recordResources(
  program: () => unknown,
  outputsOf: (type: string, name: string) => Outputs,
  answerOf: (token: string) => Outputs = () => {
    throw new Error("the program calls no functions of providers");
  },
): Promise<RecordedResource[]> {
  const recorded: RecordedResource[] = [];
  let lastId = 1000;
  await setMocks(
    {
      call: ({ token }) => answerOf(token),
      newResource: ({ type, name, inputs }) => {
        const { id = String(++lastId), ...outputs } = outputsOf(type, name);
        return { id: id as string, state: { ...inputs, ...outputs } };
      },
    },
    "dukaan",
    "test",
  );
  const monitor: unknown = settings.getMonitor();
  if (!isMonitor(monitor)) throw new Error("Pulumi's mock engine has another shape than this recorder knows");
  // The mock engine's own URNs have only one parent's type; a real one has all of them.
  monitor.newUrn = (parent, type, name) => {
    const parentType = parent === "" ? "" : (parent.split("::")[2] ?? "");
    const nested = parentType === "" || parentType === "pulumi:pulumi:Stack" ? type : `${parentType}$${type}`;
    return `urn:pulumi:test::dukaan::${nested}::${name}`;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const urn = monitor.newUrn(request.getParent(), request.getType(), request.getName());
    recorded.push({
      type: request.getType(),
      name: request.getName(),
      custom: request.getCustom(),
      chain: (urn.split("::")[2] ?? "").split("$").slice(0, -1),
      parent: request.getParent(),
      urn,
      dependencies: request.getDependenciesList(),
      protect: request.getProtect(),
      retained: request.getRetainondelete() === true,
      deletedWith: request.getDeletedwith(),
      ignoreChanges: request.getIgnorechangesList(),
      inputs: request.getObject()?.toJavaScript() ?? {},
    });
    return register(request, callback);
  };
  await pulumi.runtime.runInPulumiStack(async () => {
    await program();
  });
  await settings.disconnect();
  return recorded;
}

function isMonitor(value: unknown): value is Monitor {
  return typeof value === "object" && value !== null && "newUrn" in value && "registerResource" in value;
}
