import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeError, describeStep, type EngineEvent, followEvents } from "../../src/cli/engine-events.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-events-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (script: string) => async (path: string) => {
  await execa("sh", ["-c", script, "sh", path]);
  return "done";
};

describe("followEvents", () => {
  it("hands over every event of a writer that comes and goes, and leaves nothing on disk", async () => {
    const seen: EngineEvent[] = [];
    const script = `for n in $(seq 500); do echo '{"summaryEvent":{"resourceChanges":{"same":'$n'}}}'; done > "$1"`;
    const result = await followEvents(folder, (event) => seen.push(event), write(script));
    expect(result).toBe("done");
    expect(seen.map((event) => event.summaryEvent?.resourceChanges["same"])).toEqual(
      Array.from({ length: 500 }, (_, index) => index + 1),
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it("ends when the writer never opened it, or died in the middle of a line", async () => {
    const seen: EngineEvent[] = [];
    await followEvents(folder, (event) => seen.push(event), write("true"));
    await followEvents(folder, (event) => seen.push(event), write(`printf '{"cut' > "$1"`));
    expect(seen).toEqual([]);
  });

  it("passes a failure of the work on, and cleans up", async () => {
    const failing = () => Promise.reject(new Error("no"));
    await expect(followEvents(folder, () => undefined, failing)).rejects.toThrow("no");
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("what an event says", () => {
  const urn = "urn:pulumi:lab::dukaan::dukaan:index:Environment$hcloud:index/server:Server::app-1";

  it("names steps of resources, not of components", () => {
    const metadata = { op: "create", urn, type: "hcloud:index/server:Server" };
    expect(describeStep({ resourcePreEvent: { metadata } })).toBe("creating hcloud:Server app-1");
    expect(describeStep({ resOutputsEvent: { metadata } })).toBe("created hcloud:Server app-1");
    expect(describeStep({ resourcePreEvent: { metadata: { ...metadata, op: "same" } } })).toBeUndefined();
    const component = { op: "create", urn, type: "dukaan:index:Region" };
    expect(describeStep({ resourcePreEvent: { metadata: component } })).toBeUndefined();
  });

  it("tells errors with their resource and without colour marks, and nothing else", () => {
    const event = (severity: string) => ({
      diagnosticEvent: { severity, message: "<{%fg 1%}>no such image<{%reset%}>\n", urn },
    });
    expect(describeError(event("error"))).toBe("app-1: no such image");
    expect(describeError(event("debug"))).toBeUndefined();
  });

  it("tells which rule of a policy pack is broken, and not what is merely advised", () => {
    const event = (enforcementLevel: string) => ({
      policyEvent: {
        enforcementLevel,
        policyName: "public-ports",
        message: "<{%fg 1%}>tcp 22 is open<{%reset%}>\n",
      },
    });
    expect(describeError(event("mandatory"))).toBe("public-ports: tcp 22 is open");
    expect(describeError(event("advisory"))).toBeUndefined();
  });
});
