import { expect, test } from "vitest";
import { EnvironmentError, readServerEnvironment } from "../../apps/api/environment.js";

const VALID = {
  DATABASE_URL: "postgresql://dukaan:secret@/dukaan?host=/run/pgbouncer&port=6432",
  PUBLIC_URL: "https://203.0.113.10/",
  SESSION_SECRET: "0123456789abcdef0123456789abcdef",
  SMS_GATEWAY: "log",
  LISTEN_SOCKET: "/run/dukaan/api-1.sock",
};

const WEBHOOK = {
  SMS_GATEWAY: "https://sms.example/send",
  SMS_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24, 7).toString("base64")}`,
};

/** The names of the variables that are reported. */
function problems(changes: Record<string, string>): string[] {
  try {
    readServerEnvironment({ ...VALID, ...changes });
    return [];
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return error.problems.map((problem) => problem.split(" ")[0] ?? "");
  }
}

test("is read with its defaults", () => {
  expect(readServerEnvironment(VALID)).toEqual({
    databaseUrl: VALID.DATABASE_URL,
    databasePoolMax: 8,
    publicUrl: "https://203.0.113.10",
    sessionSecret: VALID.SESSION_SECRET,
    sms: "log",
    listen: { socket: "/run/dukaan/api-1.sock" },
    logLevel: "info",
  });
  expect(readServerEnvironment({ ...VALID, LISTEN_SOCKET: "", PORT: "8080" }).listen).toEqual({
    host: "127.0.0.1",
    port: 8080,
  });
});

test.each([
  ["DATABASE_URL", ["", "mysql://u@h/d", "postgresql://u:p@/", "postgresql://h/d", "shop"]],
  ["DATABASE_POOL_MAX", ["0", "51", "-1", "1.5", "many", "9999999999"]],
  [
    "PUBLIC_URL",
    ["", "shop.test", "ftp://shop.test", "https://shop.test/x", "https://u@shop.test", "https://a/?b"],
  ],
  ["SESSION_SECRET", ["", "short", "x".repeat(31)]],
  ["LISTEN_SOCKET", ["", "relative.sock", `/${"x".repeat(107)}`]],
  ["LOG_LEVEL", ["loud", "INFO"]],
])("%s is refused when it is one of %j", (name, values) => {
  const reported = values.map((value) => [value, problems({ [name]: value })]);
  expect(reported).toEqual(values.map((value) => [value, [name]]));
});

test("all problems are told at once, none with the value of a secret", () => {
  const changes = { DATABASE_URL: "mysql://u:hunter2@h/d", SESSION_SECRET: "hunter3", PORT: "80" };
  expect(problems(changes)).toEqual(["DATABASE_URL", "SESSION_SECRET", "LISTEN_SOCKET"]);
  expect(() => readServerEnvironment({ ...VALID, ...changes })).toThrow(/^(?!.*hunter)/s);
});

test("messages go to a webhook, encrypted unless it is on this machine, under a secret that is long enough", () => {
  expect(readServerEnvironment({ ...VALID, ...WEBHOOK }).sms).toEqual({
    url: WEBHOOK.SMS_GATEWAY,
    secret: WEBHOOK.SMS_WEBHOOK_SECRET,
  });
  expect(problems({ ...WEBHOOK, SMS_GATEWAY: "http://127.0.0.1:9000/" })).toEqual([]);
  for (const SMS_GATEWAY of [
    "",
    "console",
    "http://sms.example/",
    "ftp://sms.example/",
    "https://u:p@sms.example/",
  ])
    expect(problems({ ...WEBHOOK, SMS_GATEWAY }), SMS_GATEWAY).toEqual(["SMS_GATEWAY"]);
  for (const secret of ["", "hunter2", "whsec_", `whsec_${Buffer.alloc(23).toString("base64")}`])
    expect(problems({ ...WEBHOOK, SMS_WEBHOOK_SECRET: secret }), secret).toEqual(["SMS_WEBHOOK_SECRET"]);
});

test("codes that go to the log are seen there", () => {
  expect(problems({ LOG_LEVEL: "debug" })).toEqual([]);
  expect(problems({ LOG_LEVEL: "warn" })).toEqual(["LOG_LEVEL"]);
  expect(problems({ SMS_WEBHOOK_SECRET: "left over" })).toEqual(["SMS_WEBHOOK_SECRET"]);
});

test("both ways to listen at once, or a port that is none, are refused", () => {
  expect(problems({ PORT: "8080" })).toEqual(["LISTEN_SOCKET"]);
  expect(problems({ LISTEN_SOCKET: "", PORT: "70000" })).toEqual(["PORT"]);
});

const IMAGES = {
  IMAGES_ENDPOINT: "https://fsn1.your-objectstorage.com",
  IMAGES_REGION: "fsn1",
  IMAGES_BUCKET: "shop-images",
  IMAGES_ACCESS_KEY: "access",
  IMAGES_SECRET_KEY: "secret",
};

test("the bucket for pictures is there as a whole or not at all", () => {
  const certificate = Buffer.from("-----BEGIN CERTIFICATE-----").toString("base64");
  expect(readServerEnvironment(VALID).images).toBeUndefined();
  expect(readServerEnvironment({ ...VALID, ...IMAGES, IMAGES_CA_CERTIFICATE: certificate }).images).toEqual({
    endpoint: "https://fsn1.your-objectstorage.com",
    region: "fsn1",
    bucket: "shop-images",
    accessKey: "access",
    secretKey: "secret",
    caCertificate: "-----BEGIN CERTIFICATE-----",
  });
  expect(() => readServerEnvironment({ ...VALID, ...IMAGES, IMAGES_SECRET_KEY: "" })).toThrow(
    /IMAGES_SECRET_KEY must be set/,
  );
  expect(() => readServerEnvironment({ ...VALID, ...IMAGES, IMAGES_CA_CERTIFICATE: "PEM" })).toThrow(
    /IMAGES_CA_CERTIFICATE must be a certificate/,
  );
});

test.each([
  "http://storage.example",
  "https://storage.example/path",
  "ftp://x",
  "https://u:p@storage.example",
])("pictures are not sent to %s", (endpoint) => {
  expect(() => readServerEnvironment({ ...VALID, ...IMAGES, IMAGES_ENDPOINT: endpoint })).toThrow(
    /IMAGES_ENDPOINT must be an HTTPS address/,
  );
});
