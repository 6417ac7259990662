import { fromJson, isRecord } from "./structured.js";

type Variables = Readonly<Record<string, string | undefined>>;

/** Parts of settings that may be in the environment instead: secrets, which need not be written down then. */
const parts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "dukaan:backup": { accessKey: "DUKAAN_BACKUP_ACCESS_KEY", secretKey: "DUKAAN_BACKUP_SECRET_KEY" },
  "dukaan:failover": { token: "DUKAAN_FAILOVER_TOKEN" },
  "dukaan:images": { accessKey: "DUKAAN_IMAGES_ACCESS_KEY", secretKey: "DUKAAN_IMAGES_SECRET_KEY" },
  "dukaan:sms": { secret: "DUKAAN_SMS_WEBHOOK_SECRET" },
};

/** The settings that have such parts, each with its part: "dukaan:backup.accessKey". */
export const environmentSecrets = Object.entries(parts).flatMap(([key, names]) =>
  Object.keys(names).map((part) => `${key}.${part}`),
);

/**
 * A stack's configuration with what the environment adds to it. What is configured wins.
 * @param config by full key; values as in YAML or, as Pulumi hands them over, as text
 */
export function withEnvironment(
  config: Readonly<Record<string, unknown>>,
  variables: Variables,
): Record<string, unknown> {
  const { HCLOUD_TOKEN: token, HCLOUD_ENDPOINT: endpoint } = variables;
  const structured = Object.entries(parts).flatMap(([key, names]) => {
    const given = config[key];
    const value = typeof given === "string" ? fromJson(given) : given;
    return isRecord(value) ? [[key, { ...partsOf(names, variables), ...value }] as const] : [];
  });
  return {
    ...(token && { "hcloud:token": token }),
    ...(endpoint && { "hcloud:endpoint": endpoint }),
    ...config,
    ...Object.fromEntries(structured),
  };
}

function partsOf(names: Readonly<Record<string, string>>, variables: Variables): Record<string, string> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([part, variable]) => {
      const value = variables[variable];
      return value ? [[part, value]] : [];
    }),
  );
}
