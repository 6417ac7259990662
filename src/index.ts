import * as pulumi from "@pulumi/pulumi";
import { AppServers } from "../components/app-servers.js";
import { Database } from "../components/database.js";
import { Environment } from "../components/environment.js";
import { topologyOf } from "../stacks/index.js";
import { findArtifacts } from "./artifacts.js";
import { readSettings } from "./settings/read.js";
import { renderTemplate } from "./template.js";

/** The Pulumi program: what `pulumi up` makes of a stack's settings. Its exports are the stack's outputs. */

const settings = readSettings();
const artifacts = findArtifacts();
const topology = topologyOf(settings);
const environment = new Environment("shop", { settings, topology });

const entry = environment.machine("app-1");
const database = new Database("database", { machine: entry }, { parent: environment });
const host = settings.domain ?? entry.ipv4;

/** Where the shop is. */
export const url = pulumi.interpolate`https://${host}`;

const app = new AppServers(
  "app",
  {
    machines: [entry],
    database,
    authority: environment.authority,
    publicUrl: url,
    artifacts,
    strictTransport: !settings.local,
  },
  { parent: environment },
);

export const stage = topology.stage;

/** The release of the app that serves. */
export const release = app.releases[entry.about.name];

/** Addresses by machine. */
export const addresses = byMachine(({ ipv4, ipv6, about }) => ({
  ipv4,
  ipv6,
  private: about.privateAddress,
}));

/** Targets for ssh by machine; they want the deploy key. */
export const ssh = byMachine(({ ipv4, ipv6 }) => pulumi.interpolate`root@${ipv4 ?? ipv6}`);

/** Opens every machine; secret. */
export const deployKey = environment.deployKey.privateKey;

/** Lines for ssh's known_hosts: the machines' own keys by address. */
export const knownHosts = pulumi
  .all(
    environment.machines.flatMap(({ ipv4, ipv6, hostKey }) =>
      [ipv4, ipv6]
        .filter((address) => address !== undefined)
        .map((address) => pulumi.interpolate`${address} ${hostKey}`),
    ),
  )
  .apply((lines) => `${lines.join("\n")}\n`);

/** PEM of the authority that signed the shop's certificate. */
export const caCertificate = environment.authority.certificate;

/** Shown by Pulumi Cloud and by `pulumi stack output readme`; the placeholders are Pulumi's. */
export const readme = renderTemplate("src/readme.md", { stack: topology.stack, stage });

function byMachine<Value>(of: (machine: Environment["machines"][number]) => Value): Record<string, Value> {
  return Object.fromEntries(environment.machines.map((machine) => [machine.about.name, of(machine)]));
}
