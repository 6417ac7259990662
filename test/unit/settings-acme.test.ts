import { describe, expect, it } from "vitest";
import { parseAcme } from "../../src/settings/acme.js";
import { parseSettings } from "../../src/settings/parse.js";

const directory = "https://acme.example.com:14000/dir";
const domain = "shop.example.com";
const real = { local: false, named: true };

const paths = (given: unknown, where = real) => parseAcme(given, where).problems.map(({ path }) => path);

describe("dukaan:acme", () => {
  it("is Let's Encrypt for a shop with a name on a real cloud, and nothing else without being asked", () => {
    expect(parseAcme(undefined, real).acme?.directory).toBe("https://acme-v02.api.letsencrypt.org/directory");
    expect(parseAcme(undefined, { local: true, named: true })).toEqual({ problems: [] });
    expect(parseAcme(undefined, { local: false, named: false })).toEqual({ problems: [] });
    expect(parseAcme("none", real)).toEqual({ problems: [] });
  });

  it("is taken as it is given, as an object or as Pulumi's text", () => {
    const given = { directory, email: "ops@example.com" };
    expect(parseAcme(given, real)).toEqual({ acme: given, problems: [] });
    expect(parseAcme(JSON.stringify(given), real)).toEqual({ acme: given, problems: [] });
    const caCertificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    expect(parseAcme({ directory, caCertificate }, real).acme?.caCertificate).toBe(caCertificate);
  });

  it.each([
    ["letsencrypt", ["dukaan:acme"]],
    [{ directory: "http://acme.example.com/dir" }, ["dukaan:acme.directory"]],
    [{ directory: "https://acme.example.com/$(reboot)" }, ["dukaan:acme.directory"]],
    [{ directory: "https://acme.example.com/';reboot;'" }, ["dukaan:acme.directory"]],
    [{ directory, email: "nobody" }, ["dukaan:acme.email"]],
    [{ directory, email: "a@b'c" }, ["dukaan:acme.email"]],
    [{ directory, caCertificate: "/etc/ssl/ca.pem" }, ["dukaan:acme.caCertificate"]],
    [{ directory, mail: "ops@example.com" }, ["dukaan:acme.mail"]],
    [{ directory: 7, email: [] }, ["dukaan:acme.directory", "dukaan:acme.email"]],
  ])("%j is refused where it is wrong", (given, expected) => {
    expect(paths(given)).toEqual(expected);
    expect(parseAcme(given, real).acme).toBeUndefined();
  });

  it("wants a name, and gives it a meaning on the local cloud", () => {
    expect(paths({ directory }, { local: false, named: false })).toEqual(["dukaan:acme"]);
    const local = {
      "hcloud:endpoint": "http://127.0.0.1/v1",
      "hcloud:token": "t".repeat(64),
      "dukaan:domain": domain,
    };
    expect(parseSettings("lab", local).settings).not.toHaveProperty("domain");
    const named = parseSettings("lab", { ...local, "dukaan:acme": { directory } }).settings;
    expect(named).toMatchObject({ domain, acme: { directory } });
  });
});
