import { type ZoneFile, ZonesRefused } from "../machines/host.js";
import type { ActionLog, Job, RunningAction } from "../state/actions.js";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import { KeyedQueue } from "../queue.js";
import type { Cloud } from "./cloud.js";
import { defaultPointer, type DnsPointer } from "./pointers.js";
import { zoneFiles, type RrsetRow, type ZoneRow } from "./zone-rows.js";

/** The name server as the state has it: zones and their record sets, and the reverse entries of all addresses. */
export class NameJobs {
  readonly #cloud: Cloud;
  readonly #log: ActionLog;
  readonly #queue = new KeyedQueue();
  readonly #reverse = new Map<string, { serial: number; body: string }>();
  /** What the name server took last. Not known at first: another process may have left one running. */
  #published = "";

  constructor(cloud: Cloud, log: ActionLog) {
    this.#cloud = cloud;
    this.#log = log;
  }

  /**
   * Brings the name server in line with the state, in the turn in which it was asked. No-op when it is so already.
   *
   * @param zone name of the one that this is about: what is wrong with others is not its fault
   * @throws ZonesRefused
   */
  async refresh(zone?: string): Promise<void> {
    await this.#queue.run("names", async () => {
      const zones = this.#wanted();
      const wanted = JSON.stringify(zones);
      if (wanted === this.#published) return;
      // What was refused may be on the disk already: whatever comes next is written anew.
      this.#published = "";
      try {
        await this.#cloud.host.names.set(zones);
        this.#published = wanted;
      } catch (error) {
        const isOfOthers = error instanceof ZonesRefused && zone !== undefined && !error.reasons.has(zone);
        if (!isOfOthers) throw error;
      }
    });
  }

  /** As {@link refresh}, after changes of which nobody waits for the outcome. */
  follow(): void {
    this.refresh().catch((error: unknown) =>
      this.#log.error({ err: error }, "the name server could not be brought in line with the state"),
    );
  }

  jobs(): Record<string, Job> {
    const publish: Job = {
      run: (action) => this.refresh(this.#zoneOf(action)),
      undo: (action) => this.#restore(action),
    };
    const commands = [
      "create_zone",
      "delete_zone",
      "change_zone_ttl",
      "import_zone",
      "create_rrset",
      "delete_rrset",
      "change_rrset_ttl",
      "set_rrset_records",
      "add_rrset_records",
      "remove_rrset_records",
      "update_rrset_records",
    ];
    return Object.fromEntries(commands.map((command) => [command, publish]));
  }

  /** The name of an action's zone, also when that is deleted. */
  #zoneOf({ resources, arguments: { before } }: RunningAction): string | undefined {
    if (before !== undefined) return readJson<ZoneSnapshot>(before).zone.name;
    const id = resources[0]?.id ?? 0;
    return this.#cloud.state.get<ZoneRow>("SELECT * FROM zones WHERE id = ?", id)?.name;
  }

  /** What the name server refused is as it was before; nothing else has changed the zone meanwhile. */
  #restore({ resources, arguments: { before } }: RunningAction): void {
    const { state } = this.#cloud;
    const id = resources.find(({ type }) => type === "zone")?.id ?? 0;
    const refused = state.get<ZoneRow>("SELECT * FROM zones WHERE id = ?", id);
    state.run("DELETE FROM zones WHERE id = ?", id);
    if (before === undefined) return;
    const { zone, rrsets } = readJson<ZoneSnapshot>(before);
    // A serial that the name server may have seen is not used for something else.
    const serial = Math.max(zone.serial, refused?.serial ?? 0) + 1;
    state.insert("zones", { ...zone, serial });
    for (const rrset of rrsets) state.insert("zone_rrsets", { ...rrset });
  }

  #wanted(): ZoneFile[] {
    return wantedZones(this.#cloud.state, (name, body) => {
      const before = this.#reverse.get(name);
      const serial = before?.body === body ? before.serial : Math.max((before?.serial ?? 0) + 1, seconds());
      this.#reverse.set(name, { serial, body });
      return serial;
    });
  }
}

/**
 * What the name server is to answer for: the zones of the state, and with them those of the reverse entries.
 *
 * @param serialOf of a reverse zone with these lines
 */
export function wantedZones(state: State, serialOf: (name: string, body: string) => number): ZoneFile[] {
  const zones = zoneFiles(state);
  const pointers = ["primary_ips", "floating_ips", "load_balancers"].flatMap((table) =>
    state
      .all<{ dns_ptr: string }>(`SELECT dns_ptr FROM ${table} ORDER BY id`)
      .flatMap(({ dns_ptr: text }) => readJson<DnsPointer[]>(text)),
  );
  // Names that nobody has chosen are no reason to run a name server.
  const chosen = pointers.some(({ ip, dns_ptr: name }) => name !== defaultPointer(ip).dns_ptr);
  if (zones.length === 0 && !chosen) return [];
  // A reverse zone that a client has made is answered for as the client has it.
  const own = new Set(zones.map(({ name }) => name));
  return [...zones, ...reverseZones(pointers, serialOf).filter(({ name }) => !own.has(name))];
}

function reverseZones(pointers: DnsPointer[], serialOf: (name: string, body: string) => number): ZoneFile[] {
  const bodies = new Map<string, string[]>();
  for (const { ip, dns_ptr: name } of pointers) {
    const reversed = reverseName(ip);
    // The zone of an IPv4 address is that of its /24, of an IPv6 address that of its /48.
    const zone = reversed
      .split(".")
      .slice(ip.includes(":") ? 20 : 1)
      .join(".");
    const lines = bodies.get(zone) ?? [];
    lines.push(`${reversed}. 86400 IN PTR ${name.replace(/\.$/, "")}.`);
    bodies.set(zone, lines);
  }
  return [...bodies].map(([name, lines]) => {
    const body = lines.join("\n");
    const serial = serialOf(name, body);
    const soa = `@ 86400 IN SOA hydrogen.ns.hetzner.com. dns.hetzner.com. ${serial} 86400 10800 3600000 3600`;
    const text = [`$ORIGIN ${name}.`, soa, "@ 86400 IN NS hydrogen.ns.hetzner.com.", body, ""].join("\n");
    return { name, serial, text };
  });
}

const seconds = (): number => Math.floor(Date.now() / 1000);

/** A zone with its record sets, as kept with an action. */
export interface ZoneSnapshot {
  zone: ZoneRow;
  rrsets: RrsetRow[];
}

/** "203.0.113.5" → "5.113.0.203.in-addr.arpa"; RFC 3596 §2.5 for IPv6. */
export function reverseName(ip: string): string {
  if (!ip.includes(":")) return `${ip.split(".").toReversed().join(".")}.in-addr.arpa`;
  const [head = "", tail = ""] = ip.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => "0"), ...groups(tail)];
  const digits = all.map((group) => group.padStart(4, "0")).join("");
  return `${digits.split("").toReversed().join(".")}.ip6.arpa`;
}
