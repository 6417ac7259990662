import { pino } from "pino";
import { expect, test } from "vitest";
import { createSmsGateway } from "../../apps/api/sms/gateway.js";
import { parseCodes } from "../../src/cli/commands/login-code.js";

test("./dukaan login-code finds what the app logs, and nothing else", async () => {
  const lines: string[] = [];
  const logger = pino(
    { timestamp: () => ',"time":"2026-11-21T10:00:00.000Z"' },
    { write: (line) => void lines.push(line) },
  );
  const gateway = createSmsGateway("log", logger);
  logger.info({ route: "/s/:slug", store: '"sign-in code"' }, "request");
  await gateway.sendCode("+919876543210", "012345");
  logger.info({ phone: "+919876543210", code: 12345 }, "sign-in code");
  const journal = `log\nStarted dukaan-api@1.service.\n${lines.join("")}{"msg":"sign-in code", cut`;
  expect(parseCodes(journal)).toEqual([
    { phone: "+919876543210", code: "012345", at: "2026-11-21T10:00:00.000Z" },
  ]);
});
