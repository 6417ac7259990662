import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { requireAwsAccess } from "../../src/cli/aws-stack.js";
import { projectRoot } from "../../src/project.js";
import { awsKeys, noCredentialsIn } from "./instance-connect.js";

const main = join(projectRoot, "dist/src/cli/main.js");
const home = mkdtempSync(join(tmpdir(), "dukaan-aws-access-"));
const nobody = { ...noCredentialsIn(home), AWS_CA_BUNDLE: undefined };
let answer: { status: number; body: string };
let asked: IncomingMessage[];
const server = createServer((request, response) => {
  asked.push(request);
  response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
});

beforeEach(async () => {
  asked = [];
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [name, value] of Object.entries({ ...nobody, ...awsKeys, AWS_ENDPOINT_URL_STS: url }))
    vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  rmSync(home, { recursive: true, force: true });
});

describe("access to AWS, asked for before anything is made", () => {
  test("says whose it is", async () => {
    const who = { Account: "123456789012", Arn: "arn:aws:iam::123456789012:user/asha", UserId: "AIDA" };
    answer = {
      status: 200,
      body: JSON.stringify({ GetCallerIdentityResponse: { GetCallerIdentityResult: who } }),
    };
    expect(await requireAwsAccess("eu-west-2")).toEqual({
      account: "123456789012",
      arn: "arn:aws:iam::123456789012:user/asha",
    });
    expect(asked[0]?.url).toBe("/?Action=GetCallerIdentity&Version=2011-06-15");
    expect(asked[0]?.headers).toMatchObject({
      accept: "application/json",
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-2\/sts\/aws4_request, SignedHeaders=/,
      ) as string,
      "x-amz-security-token": awsKeys.AWS_SESSION_TOKEN,
    });
  });

  test.each([
    [
      403,
      '{"Error":{"Code":"InvalidClientTokenId","Message":"The token is invalid."}}',
      /InvalidClientTokenId: The token/,
    ],
    [502, "<html>a proxy's\n page</html>", /HTTP 502, <html>a proxy's page/],
    [200, "{}", /HTTP 200, \{\}/],
  ])("is refused with the words of AWS: HTTP %i", async (status, body, message) => {
    answer = { status, body };
    await expect(requireAwsAccess("us-east-1")).rejects.toMatchObject({
      message: expect.stringMatching(message) as string,
      remedy: expect.stringMatching(/aws sso login.*Nothing was changed/) as string,
      exitCode: 3,
    });
  });

  test("needs credentials, and AWS", async () => {
    for (const name of Object.keys(awsKeys)) vi.stubEnv(name, undefined);
    await expect(requireAwsAccess("us-east-1")).rejects.toMatchObject({
      message: expect.stringContaining("there are no credentials for AWS") as string,
      exitCode: 3,
    });
    expect(asked).toEqual([]);
    for (const [name, value] of Object.entries(awsKeys)) vi.stubEnv(name, value);
    vi.stubEnv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    await expect(requireAwsAccess("us-east-1")).rejects.toMatchObject({
      message: expect.stringMatching(/does not answer at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/) as string,
      remedy: expect.stringContaining("dukaan:location") as string,
    });
  });
});

describe("commands that ask Hetzner's cloud", () => {
  test.each([
    [["rebuild", "app-1"]],
    [["drill", "app-loss"]],
    [["prove", "network"]],
    [["evolve", "split", "--accept-data-loss"]],
  ])("%j is refused for a stack on AWS, with what to do instead", async (words) => {
    const result = await execa(process.execPath, [main, ...words, "--stack", "aws"], {
      reject: false,
      stdin: "ignore",
      env: { ...nobody, DUKAAN_STATE: home },
    });
    expect(result.stderr).toMatch(
      /is built for Hetzner's cloud, and stack "aws" is on AWS; nothing was changed/,
    );
    expect(result.stderr).toMatch(/docs\/aws\.md/);
    expect(result.exitCode).toBe(4);
  });

  test("the stack that is there to begin with is whole but for what only its owner knows", async () => {
    const plan = await execa(process.execPath, [main, "plan", "--stack", "aws"]);
    expect(plan.stdout).toContain("t3.medium");
    const up = await execa(process.execPath, [main, "up", "--stack", "aws", "--yes"], {
      reject: false,
      env: { ...nobody, DUKAAN_STATE: home },
    });
    expect(up.exitCode).toBe(2);
    const wrong = up.stderr.match(/(?<=^ {2})dukaan:\w+/gm);
    expect(wrong?.toSorted()).toEqual(["dukaan:backup", "dukaan:images", "dukaan:sms"]);
  });
});
