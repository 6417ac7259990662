import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { vi } from "vitest";
import { awsKeys, noCredentialsIn } from "./instance-connect.js";

/** A group, its refreshes and activities, as what begins with `Describe` tells of them. */
export interface Scene {
  /** Absent: there is no such group. */
  group?: Answer;
  /** Latest first. */
  refreshes?: Answer[];
  /** Latest first. */
  activities?: Answer[];
  /** What the load balancer says of its targets. */
  targets?: Answer[];
}

/**
 * What AWS's API of Auto Scaling answers on loopback, CloudWatch's about alarms and Elastic Load Balancing's about targets, in
 * its Query protocol.
 */
export interface AutoScalingServer {
  url: string;
  /** One each time that the group is looked at; the last one stays. */
  scenes: Scene[];
  /** The id of the refresh that is started. */
  started: string;
  /** Names of alarms that are raised. */
  raised: string[];
  /** The next requests are refused with these, or the next that ask for an action. */
  refusals: { status: number; code: string; message: string; action?: string }[];
  /** What was asked, with whose key. */
  readonly asked: (Record<string, string> & { Action: string; key: string })[];
  /** Is called before each answer. */
  onRequest?: ((action: string) => void) | undefined;
  close(): Promise<void>;
}

type Answer = { [name: string]: string | number | boolean | Answer | (Answer | string)[] };

/** The API's version, which its requests and answers name. */
const namespace = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

export async function startAutoScaling(): Promise<AutoScalingServer> {
  const server = createServer();
  const api: AutoScalingServer = {
    url: "",
    scenes: [],
    started: "refresh-1",
    raised: [],
    refusals: [],
    asked: [],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const asked = Object.fromEntries(new URLSearchParams(await text(request))) as (typeof api.asked)[number];
    const [, key = ""] = /Credential=(\w+)\//.exec(request.headers.authorization ?? "") ?? [];
    api.asked.push({ ...asked, key });
    api.onRequest?.(asked.Action);
    const next = api.refusals.findIndex(({ action = asked.Action }) => action === asked.Action);
    const [refusal] = next < 0 ? [] : api.refusals.splice(next, 1);
    const told = refusal
      ? `<ErrorResponse><Error>${xml({ Code: refusal.code, Message: refusal.message })}</Error></ErrorResponse>`
      : `<${asked.Action}Response xmlns="${namespace}"><${asked.Action}Result>${xml(answer(api, asked.Action))}</${asked.Action}Result></${asked.Action}Response>`;
    response.writeHead(refusal?.status ?? 200, { "content-type": "text/xml" }).end(told);
  };
  server.on("request", (request, response) => void respond(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return api;
}

function answer({ scenes, started, raised }: AutoScalingServer, action: string): Answer {
  const [{ group, refreshes = [], activities = [], targets = [] } = {}] = scenes;
  switch (action) {
    case "DescribeAutoScalingGroups":
      return { AutoScalingGroups: group ? [group] : [] };
    case "DescribeInstanceRefreshes":
      // Asked for after the group: the scene is over.
      if (scenes.length > 1) scenes.shift();
      return { InstanceRefreshes: refreshes };
    case "DescribeScalingActivities":
      return { Activities: activities };
    case "DescribeTargetHealth":
      return { TargetHealthDescriptions: targets };
    case "DescribeAlarms":
      return { MetricAlarms: raised.map((name) => ({ AlarmName: name })) };
    default:
      return { InstanceRefreshId: started };
  }
}

function xml(value: Answer[string] | string): string {
  if (Array.isArray(value)) return value.map((item) => `<member>${xml(item)}</member>`).join("");
  if (typeof value !== "object")
    return String(value).replace(/[<&]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  return Object.entries(value)
    .map(([name, part]) => `<${name}>${xml(part)}</${name}>`)
    .join("");
}

/** e.g. `i-1 v7`, `i-2 v7 Pending:Wait`, `i-3 v7 Terminating Unhealthy` */
function instance(short: string) {
  const [id = "", version = "", state = "InService", health = "Healthy"] = short.split(" ");
  return {
    InstanceId: id,
    LifecycleState: state,
    HealthStatus: health,
    LaunchTemplate: { LaunchTemplateId: "lt-1", Version: version.slice(1) },
  };
}

/**
 * Has AWS's SDK ask this server, with the tests' keys and no others, until `vi.unstubAllEnvs()`.
 * @param home a folder in which nobody's credentials are
 */
export function askInsteadOfAws({ url }: AutoScalingServer, home: string): void {
  const there = {
    AWS_ENDPOINT_URL_AUTO_SCALING: url,
    AWS_ENDPOINT_URL_CLOUDWATCH: url,
    AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2: url,
    AWS_CA_BUNDLE: undefined,
  };
  for (const [name, value] of Object.entries({ ...noCredentialsIn(home), ...awsKeys, ...there }))
    vi.stubEnv(name, value);
}

/** e.g. `i-1 healthy`, `i-2 unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [503]` */
export function target(short: string) {
  const [id = "", state = "", reason, ...words] = short.split(" ");
  const why = reason === undefined ? {} : { Reason: reason, Description: words.join(" ") };
  return {
    Target: { Id: id, Port: 8080 },
    HealthCheckPort: "8080",
    TargetHealth: { State: state, ...why },
  };
}

/** Its group has this one. */
export const targetGroup =
  "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/app/73e2d6bc24d8a067";

/** A group of a version, with instances, and perhaps a refresh such as `InProgress v7 because of this`. */
export function scene(version: number, instances: string[], ...refreshes: string[]): Scene {
  return {
    group: {
      AutoScalingGroupName: "lab-app",
      MinSize: 1,
      MaxSize: 4,
      DesiredCapacity: 2,
      LaunchTemplate: { LaunchTemplateId: "lt-1", Version: String(version) },
      TargetGroupARNs: [targetGroup],
      Instances: instances.map(instance),
    },
    targets: instances.map((short) => target(`${short.split(" ")[0]} healthy`)),
    refreshes: refreshes.map((short, index) => {
      const [, status = "", to = "", reason = ""] = /^(\w+) v(\d+) ?(.*)$/.exec(short) ?? [];
      return {
        InstanceRefreshId: `refresh-${refreshes.length - index}`,
        Status: status,
        PercentageComplete: 50,
        StatusReason: reason,
        DesiredConfiguration: { LaunchTemplate: { LaunchTemplateId: "lt-1", Version: to } },
      };
    }),
  };
}
