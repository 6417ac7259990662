import { execaSync } from "execa";
import { TestCloud } from "./local-api-client.js";

/** A self-signed certificate and its key, as they are uploaded. */
export function certificateFor(name: string): { certificate: string; private_key: string } {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -keyout -".split(" ");
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name},DNS:www.${name}`];
  const { stdout } = execaSync("openssl", ["req", "-x509", ...key, ...subject]);
  const at = stdout.indexOf("-----BEGIN CERTIFICATE");
  return { certificate: stdout.slice(at), private_key: stdout.slice(0, at) };
}

/** Every list of the API that a request could change. */
const lists = [
  "certificates",
  "firewalls",
  "floating_ips",
  "images",
  "load_balancers",
  "networks",
  "placement_groups",
  "primary_ips",
  "servers",
  "ssh_keys",
  "volumes",
  "zones",
];
const withActions = lists.filter((list) => list !== "ssh_keys" && list !== "placement_groups");

/** Makes one of each kind of resource, ready to be used, in a cloud of its own. */
export class Things {
  #made = 0;

  private constructor(readonly cloud: TestCloud) {}

  static async start(): Promise<Things> {
    return new Things(await TestCloud.start());
  }

  /** Asks, waits for what that starts, and tells the id of what was made. @throws Error when it is refused */
  async #make(path: string, body: object): Promise<number> {
    const { status, body: answer } = await this.cloud.post(path, { name: `thing-${++this.#made}`, ...body });
    if (status !== 201) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    for (const action of [answer.action, ...(answer.next_actions ?? []), ...(answer.actions ?? [])]) {
      if (action) await this.cloud.finished(action);
    }
    const { firewall, floating_ip, load_balancer, network, primary_ip, placement_group, volume } = answer;
    const made = [firewall, floating_ip, load_balancer, network, primary_ip, placement_group, volume];
    return [...made, answer.certificate, answer.zone].find((one) => one !== undefined)?.id ?? 0;
  }

  /** Does something to a resource and waits until it is done. @throws Error when it is refused or fails */
  async act(path: string, body: object = {}): Promise<void> {
    const { status, body: answer } = await this.cloud.post(path, body);
    if (status !== 201) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    for (const action of [answer.action, ...(answer.actions ?? [])]) {
      if (action) await this.cloud.finished(action);
    }
  }

  readonly server = async (input: object = {}): Promise<number> =>
    (await this.cloud.server({ location: "fsn1", ...input })).id;
  /** With a subnet in Europe; 10.n.0.0/16 @param second n */
  readonly network = (second = 0, input: object = {}): Promise<number> =>
    this.#make("/networks", {
      ip_range: `10.${second}.0.0/16`,
      subnets: [{ type: "cloud", network_zone: "eu-central", ip_range: `10.${second}.1.0/24` }],
      ...input,
    });
  readonly firewall = (input: object = {}): Promise<number> => this.#make("/firewalls", input);
  readonly floatingIp = (input: object = {}): Promise<number> =>
    this.#make("/floating_ips", { type: "ipv4", home_location: "fsn1", ...input });
  readonly primaryIp = (input: object = {}): Promise<number> =>
    this.#make("/primary_ips", { type: "ipv4", location: "fsn1", ...input });
  readonly group = (): Promise<number> => this.#make("/placement_groups", { type: "spread" });
  readonly volume = (input: object = {}): Promise<number> =>
    this.#make("/volumes", { size: 10, location: "fsn1", ...input });
  readonly balancer = (input: object = {}): Promise<number> =>
    this.#make("/load_balancers", { load_balancer_type: "lb11", location: "fsn1", ...input });
  readonly zone = (input: object = {}): Promise<number> =>
    this.#make("/zones", { name: `thing-${++this.#made}.example`, mode: "primary", ...input });
  readonly certificate = (): Promise<number> =>
    this.#make("/certificates", { type: "uploaded", ...certificateFor("thing.example") });

  /** Everything that the API tells of its resources, and how many actions there were. */
  async everything(): Promise<unknown> {
    const told: Record<string, unknown> = {};
    for (const list of lists) told[list] = (await this.cloud.get(`/${list}?per_page=50`)).body[list];
    for (const list of withActions) {
      const { meta } = (await this.cloud.get(`/${list}/actions`)).body;
      told[`actions of ${list}`] = meta?.pagination["total_entries"];
    }
    return told;
  }
}
