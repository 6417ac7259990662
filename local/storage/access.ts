import { randomBytes } from "node:crypto";
import { chown, mkdir, readFile, rename, writeFile } from "node:fs/promises";

/** Names an account of the object storage and proves to be it. */
export interface StorageKeys {
  accessKey: string;
  secretKey: string;
}

/** What a client of an object storage with the S3 API needs. Buckets are part of the path, not of the host name. */
export interface ObjectStorage extends StorageKeys {
  /** e.g. "https://203.0.113.2" */
  endpoint: string;
  region: string;
  /** PEM of the authority that signed the endpoint's certificate. */
  caCertificate: string;
  /** An account for pictures: it may make buckets, and reaches none but its own. */
  images: StorageKeys;
}

/** Files of an instance's object storage, below one folder. */
export const storageFiles = (folder: string) => ({
  /** {@link ObjectStorage} as JSON; 0600, and the caller's own when the cloud was started with sudo. */
  access: `${folder}/access.json`,
  /** versitygw's own accounts, beside the one that may do everything. */
  accounts: `${folder}/accounts`,
  /** One folder a bucket. */
  buckets: `${folder}/buckets`,
  certificate: `${folder}/server.pem`,
  privateKey: `${folder}/server.key`,
  log: `${folder}/server.log`,
});

/** Any name will do; it is part of every signature. */
export const REGION = "local";

/** How to reach the object storage; undefined when there is none (yet), or it is not the caller's to read. */
export async function readObjectStorage(folder: string): Promise<ObjectStorage | undefined> {
  const text = await readFile(storageFiles(folder).access, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const access: ObjectStorage = JSON.parse(text);
  return access;
}

/** Makes the folders, and the keys and the certificate, once: clients that know them go on working over every restart. */
export async function ensureAccess(
  folder: string,
  instance: string,
  address: string,
): Promise<ObjectStorage> {
  const files = storageFiles(folder);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await mkdir(files.buckets, { recursive: true, mode: 0o700 });
  const endpoint = `https://${address}`;
  const known = await readObjectStorage(folder);
  if (known?.endpoint === endpoint) return known;
  const images = known?.images ?? newKeys();
  await writeAccounts(files.accounts, images);
  // Loaded only when needed: commands that only read the keys import this module, too.
  const { serverCertificate } = await import("./certificate.js");
  const { authority, chain, privateKey } = await serverCertificate(
    `Object storage of the local cloud ${instance}`,
    address,
  );
  await writeFile(files.certificate, chain, { mode: 0o644 });
  await writeFile(files.privateKey, privateKey, { mode: 0o600 });
  const access: ObjectStorage = {
    ...(known ?? newKeys()),
    images,
    endpoint,
    region: REGION,
    caCertificate: authority,
  };
  await writeFile(`${files.access}.new`, JSON.stringify(access), { mode: 0o600 });
  const { SUDO_UID, SUDO_GID } = process.env;
  if (SUDO_UID !== undefined && SUDO_GID !== undefined)
    await chown(`${files.access}.new`, Number(SUDO_UID), Number(SUDO_GID));
  await rename(`${files.access}.new`, files.access);
  return access;
}

function newKeys(): StorageKeys {
  return {
    accessKey: randomBytes(10).toString("hex").toUpperCase(),
    secretKey: randomBytes(32).toString("hex"),
  };
}

/** The file of versitygw's internal accounts; "userplus": it may make buckets, which are then its own. */
async function writeAccounts(folder: string, { accessKey, secretKey }: StorageKeys): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const account = {
    access: accessKey,
    secret: secretKey,
    role: "userplus",
    userID: 0,
    groupID: 0,
    projectID: 0,
  };
  const content = JSON.stringify({ accessAccounts: { [accessKey]: account } });
  await writeFile(`${folder}/users.json`, content, { mode: 0o600 });
}
