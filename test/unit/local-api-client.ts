import { pino } from "pino";
import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import type { pricing } from "../../local/api/catalog.js";
import { LoadBalancer } from "../../local/api/load-balancer-schemas.js";
import { startCloud, type RunningCloud } from "../../local/api/start.js";
import { Zone, ZoneRrset } from "../../local/api/zone-rows.js";
import * as schemas from "../../local/api/schemas.js";
import { State } from "../../local/state/database.js";
import { MemoryHost } from "./local-api-host.js";

export const token = "0123456789abcdef".repeat(4);

type Action = Static<typeof schemas.Action>;
/** The parts of answers that tests look at. */
interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  body: {
    error?: { code: string; message: string; details: { fields?: { name: string }[] } | null };
    action?: Action;
    actions?: Action[];
    next_actions?: Action[];
    server?: Static<typeof schemas.Server>;
    servers?: Static<typeof schemas.Server>[];
    network?: Static<typeof schemas.Network>;
    networks?: Static<typeof schemas.Network>[];
    firewall?: Static<typeof schemas.Firewall>;
    firewalls?: Static<typeof schemas.Firewall>[];
    primary_ip?: Static<typeof schemas.PrimaryIp>;
    primary_ips?: Static<typeof schemas.PrimaryIp>[];
    placement_group?: Static<typeof schemas.PlacementGroup>;
    placement_groups?: Static<typeof schemas.PlacementGroup>[];
    floating_ip?: Static<typeof schemas.FloatingIp>;
    floating_ips?: Static<typeof schemas.FloatingIp>[];
    certificate?: Static<typeof schemas.Certificate>;
    certificates?: Static<typeof schemas.Certificate>[];
    load_balancer?: Static<typeof LoadBalancer>;
    load_balancers?: Static<typeof LoadBalancer>[];
    load_balancer_types?: Static<typeof schemas.LoadBalancerType>[];
    zone?: Static<typeof Zone>;
    zones?: Static<typeof Zone>[];
    rrset?: Static<typeof ZoneRrset>;
    rrsets?: Static<typeof ZoneRrset>[];
    volume?: Static<typeof schemas.Volume>;
    volumes?: Static<typeof schemas.Volume>[];
    ssh_key?: Static<typeof schemas.SshKey>;
    ssh_keys?: Static<typeof schemas.SshKey>[];
    locations?: Static<typeof schemas.Location>[];
    server_type?: Static<typeof schemas.ServerType>;
    image?: Static<typeof schemas.Image>;
    images?: Static<typeof schemas.Image>[];
    pricing?: ReturnType<typeof pricing>;
    meta?: { pagination: Record<string, number | null> };
    [more: string]: unknown;
  };
}

const shapes: Record<string, TSchema> = {
  action: schemas.Action,
  server: schemas.Server,
  network: schemas.Network,
  firewall: schemas.Firewall,
  primary_ip: schemas.PrimaryIp,
  placement_group: schemas.PlacementGroup,
  certificate: schemas.Certificate,
  load_balancer: LoadBalancer,
  load_balancer_type: schemas.LoadBalancerType,
  volume: schemas.Volume,
  zone: Zone,
  rrset: ZoneRrset,
  floating_ip: schemas.FloatingIp,
  ssh_key: schemas.SshKey,
  image: schemas.Image,
  location: schemas.Location,
  server_type: schemas.ServerType,
};

/** A cloud on a computer that only remembers, and a client of its API that checks the shape of every answer. */
export class TestCloud {
  private constructor(
    readonly host: MemoryHost,
    private readonly cloud: RunningCloud,
  ) {}

  static async start(
    options: {
      host?: MemoryHost;
      statePath?: string;
      rateLimit?: number;
      reserved?: Set<string>;
      sampleMs?: number;
    } = {},
  ): Promise<TestCloud> {
    const host = options.host ?? new MemoryHost();
    const cloud = await startCloud({
      host,
      state: new State(options.statePath ?? ":memory:"),
      slot: 0,
      token,
      logger: pino({ level: "silent" }),
      ...(options.rateLimit !== undefined && { rateLimit: options.rateLimit }),
      ...(options.sampleMs !== undefined && { sampleMs: options.sampleMs }),
      ...(options.reserved && { reserved: options.reserved }),
    });
    return new TestCloud(host, cloud);
  }

  async request(
    method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH",
    path: string,
    body?: unknown,
    headers: Record<string, string> = { authorization: `Bearer ${token}` },
  ): Promise<Answer> {
    const response = await this.cloud.app.inject({
      method,
      url: `/v1${path}`,
      headers,
      ...(body !== undefined && { payload: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const answer: Answer["body"] = response.body === "" ? {} : JSON.parse(response.body);
    checkShape(answer);
    return { status: response.statusCode, headers: response.headers, body: answer };
  }

  /** What is answered to someone without a token. */
  async text(path: string): Promise<string> {
    return (await this.cloud.app.inject({ method: "GET", url: `/v1${path}` })).body;
  }

  readonly get = (path: string): Promise<Answer> => this.request("GET", path);
  readonly post = (path: string, body?: unknown): Promise<Answer> => this.request("POST", path, body);
  readonly put = (path: string, body: unknown): Promise<Answer> => this.request("PUT", path, body);
  readonly delete = (path: string): Promise<Answer> => this.request("DELETE", path);

  /** Polls an action, as clients do, until it is finished. */
  async finished(action: Action | undefined): Promise<Action> {
    if (!action) throw new Error("there is no action to wait for");
    for (let tries = 0; tries < 500; tries++) {
      const { body } = await this.get(`/actions?id=${action.id}`);
      const [now] = body.actions ?? [];
      if (now && now.status !== "running") return now;
      await new Promise((resolve) => void setTimeout(resolve, 2));
    }
    throw new Error(`action ${action.id} (${action.command}) did not finish`);
  }

  /** Makes a server and waits until it is as asked. */
  async server(input: Record<string, unknown> = {}): Promise<Static<typeof schemas.Server>> {
    const name = `server-${Math.random().toString(36).slice(2, 8)}`;
    const { status, body } = await this.post("/servers", {
      name,
      server_type: "local-512",
      image: "debian-12",
      ...input,
    });
    if (status !== 201) throw new Error(`no server was made: ${JSON.stringify(body)}`);
    for (const action of [body.action, ...(body.next_actions ?? [])]) {
      const { error, command } = await this.finished(action);
      if (error) throw new Error(`${command}: ${error.message}`);
    }
    const made = (await this.get(`/servers/${body.server?.id}`)).body.server;
    if (!made) throw new Error("the server is not there");
    return made;
  }

  close(): Promise<void> {
    return this.cloud.close();
  }
}

function checkShape(answer: Record<string, unknown>): void {
  for (const [key, schema] of Object.entries(shapes)) {
    for (const value of [answer[key], ...[answer[`${key}s`] ?? []].flat()]) {
      const errors = value === undefined ? [] : Value.Errors(schema, value);
      if (errors.length > 0) throw new Error(`${key} is not as the API has it: ${JSON.stringify(errors)}`);
    }
  }
}

/** An error answer in a line: "422 invalid_input: name, labels"; with the fields that it blames. */
export function problem({ status, body: { error } }: Answer): string {
  const fields = (error?.details?.fields ?? []).map(({ name }) => name).sort();
  return `${status} ${error?.code ?? "no error"}${fields.length > 0 ? `: ${fields.join(", ")}` : ""}`;
}

export const publicKey = (seed: number): string => {
  const key = Buffer.alloc(51);
  key.writeUInt32BE(11, 0);
  key.write("ssh-ed25519", 4);
  key.writeUInt32BE(32, 15);
  key.fill(seed, 19);
  return `ssh-ed25519 ${key.toString("base64")} test`;
};
