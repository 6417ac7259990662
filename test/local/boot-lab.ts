import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AwsV4Signer } from "aws4fetch";
import { pino } from "pino";
import { type ObjectStorage, readObjectStorage } from "../../local/storage/access.js";
import { StorageServer } from "../../local/storage/server.js";
import { sendSigned } from "../../src/aws/request.js";
import { bootScript } from "../../src/platform/aws/boot-script.js";
import { projectRoot } from "../../src/project.js";
import { ensureVersitygw } from "../../toolchain/index.js";
import { type MachineLab, machineSpec, openLab, sh, shOk } from "./machine-lab.js";

/** Machines that configure themselves from an object storage that checks signatures. */
export interface BootLab {
  lab: MachineLab;
  storage: ObjectStorage;
  /** The one that packages go to. */
  bucket: { endpoint: string; region: string; bucket: string };
  put(key: string, content: string): Promise<void>;
  /** The keys in it. */
  keys(): Promise<string[]>;
  /** Starts a machine with boot.sh as its user-data, beside what AWS would be to it. */
  start(id: string, boots: { key: string; digest: string }): Promise<void>;
  /** What the machine has asked of the Auto Scaling API; none while it is off. */
  calls(id: string): Promise<Call[]>;
  /** What the machine has said on its console. */
  said(id: string): Promise<string>;
  remove(): Promise<void>;
}

export interface Call {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** What the machine's role lends it, beside the storage's keys. */
export const sessionToken = "SENTINEL+token/for==";

const group = "dukaan-test-app-group";
const hook = "dukaan-test-ready";

/** The caller's environment must have the storage's keys: {@link BootLab.storage}. */
export async function openBootLab(name: string): Promise<BootLab> {
  const lab = await openLab(name);
  const folder = join(lab.home, "objects");
  const logger = pino({ level: "silent" });
  const { instance } = lab;
  const server = new StorageServer({ instance, folder, program: await ensureVersitygw(), logger });
  await server.start();
  const storage = (await readObjectStorage(folder))!;
  const { accessKey, secretKey, caCertificate, endpoint, region } = storage;
  const authority = join(lab.home, "authority.pem");
  await writeFile(authority, caCertificate);
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    AWS_CA_BUNDLE: authority,
  });
  const bucket = { endpoint, region, bucket: "dukaan-test-releases" };

  async function send(method: "GET" | "PUT", path: string, content = ""): Promise<string> {
    const url = `${endpoint}/${bucket.bucket}${path}`;
    const body = Buffer.from(content);
    const headers = { "content-length": String(body.length) };
    const request = { service: "s3", region, method, url, headers, body };
    const answer = await sendSigned(request, AbortSignal.timeout(10_000));
    if (answer.status !== 200) throw new Error(`${url}: ${answer.status}`);
    return answer.body;
  }
  await send("PUT", "");

  return {
    lab,
    storage,
    bucket,
    put: async (key, content) => void (await send("PUT", `/${key}`, content)),
    async keys() {
      const listed = await send("GET", "?list-type=2");
      return [...listed.matchAll(/<Key>([^<]*)/g)].map(([, key = ""]) => key);
    },
    async start(id, { key, digest }) {
      const script = bootScript({
        region,
        storage: endpoint,
        scaling: "http://127.0.0.1:9000",
        bucket: bucket.bucket,
        key,
        digest,
        group,
        hook,
        caCertificate,
      });
      const spec = await machineSpec(lab, id, await userData(storage, script));
      await lab.host.createMachine({ ...spec, limits: { ...spec.limits, diskBytes: 10 * 2 ** 30 } });
      await lab.host.startMachine(id);
    },
    async calls(id) {
      const { exitCode, stdout } = await sh(lab, id, "cat /root/calls");
      return exitCode === 0 ? stdout.split("\n").flatMap((line) => (line ? [JSON.parse(line)] : [])) : [];
    },
    said: (id) => shOk(lab, id, "cat /var/log/cloud-init-output.log"),
    async remove() {
      server.close();
      await lab.remove();
    },
  };
}

/** What the group was asked, if whoever asked has the machine's keys. @throws Error when the signature is another one */
export async function lifecycleAction({ headers, ...call }: Call, keys: ObjectStorage): Promise<object> {
  const { authorization = "", host = "", "x-amz-date": datetime = "" } = headers;
  const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
  const own = signed.filter((name) => name !== "host" && name !== "x-amz-date");
  const signer = new AwsV4Signer({
    method: call.method,
    url: `http://${host}${call.path}`,
    headers: Object.fromEntries(own.map((name) => [name, headers[name] ?? ""])),
    body: call.body,
    service: "autoscaling",
    region: keys.region,
    accessKeyId: keys.accessKey,
    secretAccessKey: keys.secretKey,
    datetime,
    allHeaders: true,
  });
  const expected = (await signer.sign()).headers.get("authorization");
  if (expected !== authorization) throw new Error(`signed is ${authorization}, expected ${expected}`);
  if (headers["x-amz-security-token"] !== sessionToken) throw new Error("the session token is missing");
  return Object.fromEntries(new URLSearchParams(call.body));
}

/** Every call of curl is noted, as it is where others could see it. */
const notingCurl = `#!/bin/sh
printf '%s\\n' "$*" >> /root/curl-arguments
exec /usr/bin/curl "$@"
`;

/** boot.sh as it is, and beside it what it finds on AWS: metadata, an API, and Debian's default user. */
async function userData({ accessKey, secretKey }: ObjectStorage, script: string): Promise<string> {
  const credentials = { AccessKeyId: accessKey, SecretAccessKey: secretKey, Token: sessionToken };
  const standIn = await readFile(join(projectRoot, "test/local/aws-stand-in.py"));
  const write = (path: string, content: string | Buffer) =>
    `echo ${Buffer.from(content).toString("base64")} | base64 -d > ${path}`;
  const before = [
    write("/root/aws-stand-in.py", standIn),
    write("/root/credentials", JSON.stringify(credentials, null, 2)),
    write("/usr/local/sbin/curl", notingCurl),
    "chmod 0755 /usr/local/sbin/curl",
    "ip address add 169.254.169.254/32 dev lo",
    // Later than whoever asks for it first, as a way to the internet may be.
    "systemd-run --quiet --no-block sh -c 'until test -s /root/curl-arguments; do sleep 0.1; done; sleep 3; exec python3 /root/aws-stand-in.py /root/credentials /root/calls'",
  ];
  const config = {
    users: [{ name: "admin", sudo: "ALL=(ALL) NOPASSWD:ALL" }],
    bootcmd: before.map((command) => ["sh", "-c", command]),
  };
  const parts = [
    `Content-Type: text/cloud-config\n\n#cloud-config\n${JSON.stringify(config)}`,
    `Content-Type: text/x-shellscript\n\n${script}`,
  ];
  const boundary = "==part==";
  return `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="${boundary}"\n\n${parts
    .map((part) => `--${boundary}\n${part}\n`)
    .join("")}--${boundary}--\n`;
}
