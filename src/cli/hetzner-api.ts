import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "./errors.js";

/** How to ask a Hetzner Cloud, the local one or the real one. */
export interface HetznerAccess {
  /** e.g. "https://api.hetzner.cloud/v1" */
  endpoint: string;
  token: string;
}

export interface CloudServer {
  id: number;
  name: string;
  status: string;
  private_net: { network: number }[];
  public_net: { ipv4: { ip: string } | null };
}

export interface CloudNetwork {
  id: number;
  name: string;
  subnets: { ip_range: string }[];
}

export interface CloudVolume {
  id: number;
  name: string;
  server: number | null;
}

export interface CloudThing {
  id: number;
  name: string;
}

export interface CloudLoadBalancer extends CloudThing {
  private_net: { network: number }[];
}

export interface CloudCertificate extends CloudThing {
  type: "uploaded" | "managed";
}

type Labelled = {
  servers: CloudServer;
  networks: CloudNetwork;
  firewalls: CloudThing;
  primary_ips: CloudThing;
  floating_ips: CloudThing;
  ssh_keys: CloudThing;
  volumes: CloudVolume;
  load_balancers: CloudLoadBalancer;
  certificates: CloudCertificate;
};

/** @throws CliError when nobody answers, the token is refused, or it is another kind of server */
export async function requireAccess(access: HetznerAccess): Promise<void> {
  await ask(access, "GET", "/locations");
}

/** Everything of one kind that bears a label, e.g. "dukaan-stack==lab". */
export async function listLabelled<Kind extends keyof Labelled>(
  access: HetznerAccess,
  kind: Kind,
  selector: string,
): Promise<Labelled[Kind][]> {
  const found: Labelled[Kind][] = [];
  for (let page: number | null = 1; page !== null;) {
    const query = new URLSearchParams({ label_selector: selector, per_page: "50", page: String(page) });
    const answer = (await ask(access, "GET", `/${kind}?${query.toString()}`)) as Record<
      Kind,
      Labelled[Kind][]
    > & { meta: { pagination: { next_page: number | null } } };
    found.push(...answer[kind]);
    page = answer.meta.pagination.next_page;
  }
  return found;
}

/** Switches a server on and waits until it runs. @throws CliError when it does not within two minutes */
export async function powerOn(access: HetznerAccess, server: CloudServer): Promise<void> {
  await ask(access, "POST", `/servers/${server.id}/actions/poweron`);
  await untilRunning(access, server);
}

/** Cuts a server's power, and waits until it is off. @throws CliError when it does not within two minutes */
export async function powerOff(access: HetznerAccess, server: CloudServer): Promise<void> {
  await ask(access, "POST", `/servers/${server.id}/actions/poweroff`);
  await untilStatus(access, server, "off");
}

/** Waits for a server that is being made or started. @throws CliError when it does not run within two minutes */
export async function untilRunning(access: HetznerAccess, server: CloudServer): Promise<void> {
  await untilStatus(access, server, "running");
}

async function untilStatus(
  access: HetznerAccess,
  { id, name }: CloudServer,
  wanted: "running" | "off",
): Promise<void> {
  const patience = performance.now() + 120_000;
  for (;;) {
    const { server } = (await ask(access, "GET", `/servers/${id}`)) as { server: CloudServer };
    if (server.status === wanted) return;
    if (performance.now() > patience) {
      throw new CliError(
        `server ${name} (${id}) is "${server.status}" and does not get to be "${wanted}"`,
        "Look at it in the cloud's console (local cloud: ./dukaan local logs). A server that never ran can be deleted; `./dukaan up` makes it anew.",
      );
    }
    await sleep(500);
  }
}

/** Takes away the protection from deletion that the stack itself put there. */
export async function liftProtection(
  access: HetznerAccess,
  kind: "servers" | "networks" | "primary_ips" | "floating_ips" | "volumes" | "load_balancers",
  id: string,
): Promise<void> {
  // Hetzner wants both of a server's to be the same.
  const protection = kind === "servers" ? { delete: false, rebuild: false } : { delete: false };
  await ask(access, "POST", `/${kind}/${id}/actions/change_protection`, protection);
}

/** Deletes one of a stack's servers and waits until it is gone. @throws CliError when it stays */
export async function deleteServer(access: HetznerAccess, server: CloudServer, label: string): Promise<void> {
  await ask(access, "DELETE", `/servers/${server.id}`);
  const patience = performance.now() + 120_000;
  while ((await listLabelled(access, "servers", label)).some(({ id }) => id === server.id)) {
    if (performance.now() > patience) {
      throw new CliError(
        `server ${server.name} (${server.id}) was told to go and is still there`,
        "Look at it in the cloud's console (local cloud: ./dukaan local logs), then run the same command again.",
      );
    }
    await sleep(500);
  }
}

async function ask(
  { endpoint, token }: HetznerAccess,
  method: "GET" | "POST" | "DELETE",
  path: string,
  body?: object,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`${endpoint}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
  } catch (error) {
    const cause = (error as Error).cause;
    throw new CliError(
      `the cloud at ${endpoint} does not answer: ${cause instanceof Error ? cause.message : (error as Error).message}`,
      "Check hcloud:endpoint (or HCLOUD_ENDPOINT) and the network of this computer. Nothing was changed.",
    );
  }
  if (response.status === 401) {
    throw new CliError(
      `the cloud at ${endpoint} refuses the token`,
      "Make a new one in the Hetzner console (Security → API tokens, read and write) and set HCLOUD_TOKEN. Nothing was changed.",
    );
  }
  if (!response.ok) {
    const { error } = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
    throw new CliError(
      `the cloud at ${endpoint} answers ${response.status} to ${method} ${path}${error?.message ? `: ${error.message}` : ""}`,
      "Try again; if it stays so, the status page of the cloud may tell why.",
    );
  }
  return response.json().catch(() => {
    throw new CliError(
      `${endpoint} is no Hetzner Cloud: its answer to ${method} ${path} is not JSON`,
      "Check hcloud:endpoint (or HCLOUD_ENDPOINT). Nothing was changed.",
    );
  });
}
