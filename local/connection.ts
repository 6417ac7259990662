import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Endpoint, InstanceFolder } from "./folder.js";
import { HostError } from "./machines/host.js";
import { startTimeOf } from "./machines/pid-file.js";

/** A local cloud that answers. */
export interface RunningCloud extends Endpoint {
  /** 64 characters, as clients of Hetzner Cloud expect. */
  token: string;
}

/** The server process that endpoint.json names, if it runs: that one, and no other that has its id by now. */
export async function runningServer(folder: InstanceFolder): Promise<Endpoint | undefined> {
  const text = await readFile(folder.endpoint, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const endpoint: Endpoint = JSON.parse(text);
  return (await startTimeOf(endpoint.pid)) === endpoint.started ? endpoint : undefined;
}

/** The cloud, when its server runs and answers; waits while it is starting. */
export async function connect(folder: InstanceFolder): Promise<RunningCloud | undefined> {
  const server = await runningServer(folder);
  if (!server) return undefined;
  const token = await readFile(folder.token, "utf8").catch((error: unknown) => {
    throw new HostError(
      `the token of the local cloud in ${folder.token} cannot be read`,
      "Run the command with sudo, or as the user who started the cloud with sudo.",
      { cause: error },
    );
  });
  const cloud = { ...server, token };
  try {
    await get(cloud, "/locations");
    return cloud;
  } catch (error) {
    // A process that is just ending still counts as running.
    await sleep(200);
    if (await runningServer(folder)) throw error;
    return undefined;
  }
}

export interface ListedServer {
  id: number;
  name: string;
  status: string;
  server_type: { name: string };
  public_net: { ipv4: { ip: string } | null };
}

interface ServerPage {
  servers: ListedServer[];
  meta: { pagination: { next_page: number | null } };
}

/** All servers of a running cloud. */
export async function serversOf(cloud: { endpoint: string; token: string }): Promise<ListedServer[]> {
  const servers: ListedServer[] = [];
  for (let page: number | null = 1; page !== null;) {
    const answer: ServerPage = JSON.parse(await get(cloud, `/servers?per_page=50&page=${page}`));
    servers.push(...answer.servers);
    page = answer.meta.pagination.next_page;
  }
  return servers;
}

/** Asks a cloud's API. @throws HostError when it does not answer */
export async function ask(
  { endpoint, token }: { endpoint: string; token: string },
  method: "GET" | "POST",
  path: string,
): Promise<Response> {
  return fetch(`${endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(60_000),
  }).catch((error: unknown) => {
    throw new HostError(`the local cloud at ${endpoint} does not answer`, "Look at `./dukaan local logs`.", {
      cause: error,
    });
  });
}

async function get(cloud: { endpoint: string; token: string }, path: string): Promise<string> {
  const { endpoint } = cloud;
  const response = await ask(cloud, "GET", path);
  if (response.ok) return response.text();
  throw new HostError(
    `the local cloud at ${endpoint} answers ${response.status} to GET ${path}`,
    "Look at `./dukaan local logs`.",
  );
}
