import assert from "node:assert/strict";
import { problem, TestCloud } from "./local-api-client.js";

/** Zones of a cloud: made through its API, and as its name server gets them. */
export class TestZones {
  static async start(): Promise<TestZones> {
    return new TestZones(await TestCloud.start());
  }

  private constructor(readonly cloud: TestCloud) {}

  async make(name: string, more: object = {}) {
    const answer = await this.cloud.post("/zones", { name, mode: "primary", ...more });
    assert.equal(problem(answer), "201 no error");
    assert.equal((await this.cloud.finished(answer.body.action)).status, "success");
    return answer.body.zone;
  }

  fileOf(name: string) {
    return this.cloud.host.zoneFiles.find((zone) => zone.name === name);
  }

  linesOf(name: string): string[] {
    return this.fileOf(name)?.text.split("\n") ?? [];
  }
}
