import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { problem, TestCloud } from "./local-api-client.js";
import { certificateFor } from "./local-api-things.js";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
});
afterAll(() => cloud.close());

const upload = async (name: string) =>
  (await cloud.post("/certificates", { name, type: "uploaded", ...certificateFor(`${name}.example`) })).body
    .certificate;

describe("a certificate", () => {
  test("is uploaded, used, and not deleted while it is used; its key is never shown", async () => {
    const made = await upload("shop");
    expect(made).toMatchObject({
      name: "shop",
      type: "uploaded",
      domain_names: ["shop.example", "www.shop.example"],
      fingerprint: expect.stringMatching(/^([0-9a-f]{2}:){31}[0-9a-f]{2}$/),
      status: null,
      used_by: [],
    });
    expect(JSON.stringify(made)).not.toContain("PRIVATE KEY");
    const id = made?.id ?? 0;
    const service = { protocol: "https", http: { certificates: [id], redirect_http: true } };
    const body = { name: "user", load_balancer_type: "lb11", location: "fsn1", services: [service] };
    const answer = await cloud.post("/load_balancers", body);
    await cloud.finished(answer.body.action);
    const balancer = answer.body.load_balancer?.id ?? 0;
    expect(cloud.host.balancersById.get(String(balancer))?.services[0]?.certificates[0]).toMatch(
      /CERTIFICATE[^]*PRIVATE KEY/,
    );
    expect((await cloud.get(`/certificates/${id}`)).body.certificate?.used_by).toEqual([
      { id: balancer, type: "load_balancer" },
    ]);
    expect(problem(await cloud.delete(`/certificates/${id}`))).toBe("409 resource_in_use");
    expect(
      problem(await cloud.post(`/load_balancers/${balancer}/actions/add_service`, { protocol: "http" })),
    ).toBe("412 source_port_already_used");
    await cloud.delete(`/load_balancers/${balancer}`);
    expect((await cloud.put(`/certificates/${id}`, { name: "renamed" })).body.certificate?.name).toBe(
      "renamed",
    );
    expect((await cloud.delete(`/certificates/${id}`)).status).toBe(204);
  });

  test("is refused when it is none, its key is another's, or it is to be managed", async () => {
    const [one, other] = [certificateFor("one.example"), certificateFor("other.example")];
    const refusal = async (body: object) =>
      problem(await cloud.post("/certificates", { name: "refused", ...body }));
    expect(await refusal({ ...one, certificate: "none" })).toBe("422 invalid_input: certificate");
    expect(await refusal({ ...one, private_key: "none" })).toBe("422 invalid_input: private_key");
    expect(await refusal({ ...one, private_key: other.private_key })).toBe("422 invalid_input: private_key");
    expect(await refusal({ type: "managed", domain_names: ["a.example"] })).toBe("422 unsupported_error");
    expect((await cloud.get("/certificates?name=refused")).body.certificates).toEqual([]);
  });
});
