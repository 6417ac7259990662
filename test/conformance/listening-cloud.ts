import { pino } from "pino";
import { type RunningCloud, startCloud } from "../../local/api/start.js";
import { State } from "../../local/state/database.js";
import { token } from "../unit/local-api-client.js";
import { MemoryHost } from "../unit/local-api-host.js";

export interface ListeningCloud {
  cloud: RunningCloud;
  /** As all clients take it from their environment. */
  where: Record<"HCLOUD_ENDPOINT" | "HCLOUD_TOKEN", string>;
}

/**
 * The API as it is, on loopback and on a computer that only remembers: what machines do is tested elsewhere.
 * @param prepare is given the API before it listens
 */
export async function listeningCloud(
  options: { rateLimit?: number } = {},
  prepare?: (app: RunningCloud["app"]) => void,
): Promise<ListeningCloud> {
  let endpoint = "";
  const cloud = await startCloud({
    host: new MemoryHost(),
    state: new State(":memory:"),
    slot: 0,
    token,
    logger: pino({ level: "silent" }),
    ...options,
    listen: async (app) => {
      prepare?.(app);
      endpoint = await app.listen({ host: "127.0.0.1", port: 0 });
    },
  });
  return { cloud, where: { HCLOUD_ENDPOINT: `${endpoint}/v1`, HCLOUD_TOKEN: token } };
}
