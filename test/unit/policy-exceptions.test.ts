import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { exceptionFor, parseExceptions } from "../../policy/exceptions.js";
import { message } from "../../policy/rule.js";
import { rules, stackRules } from "../../policy/rules.js";
import { projectRoot } from "../../src/project.js";

const names = [...rules, ...stackRules].map(({ name }) => name);
const good = {
  rule: "hetzner-public-ports",
  stack: "prod",
  resource: "hcloud:index/firewall:Firewall::fsn1-edge",
  reason: "The old monitoring asks port 8000 until March.",
};
const urn =
  "urn:pulumi:prod::dukaan::dukaan:index:Environment$dukaan:index:Region$hcloud:index/firewall:Firewall::fsn1-edge";
const parsed = (entries: unknown) => parseExceptions(JSON.stringify(entries), names);

describe("exceptions", () => {
  it("are for one rule, one stack and one resource", () => {
    const exceptions = parsed([good]);
    expect(exceptionFor(exceptions, "hetzner-public-ports", urn)).toEqual(good);
    expect(exceptionFor(exceptions, "hetzner-labels", urn)).toBeUndefined();
    expect(exceptionFor(exceptions, good.rule, urn.replace("prod", "staging"))).toBeUndefined();
    expect(exceptionFor(exceptions, good.rule, `${urn}-2`)).toBeUndefined();
  });

  it.each([
    [
      { ...good, rule: "no-rule" },
      /^entry 1: there is no rule "no-rule"; allowed are hetzner-public-ports, /,
    ],
    [{ ...good, reason: " " }, /^entry 1: reason has to be a text$/],
    [{ ...good, reason: "because" }, /^entry 1: reason "because" does not say why$/],
    [
      { ...good, resource: "fsn1-edge" },
      /^entry 1: resource "fsn1-edge" has to be a type and a name, as in /,
    ],
    [{ ...good, until: "March" }, /^entry 1: until is unknown; allowed are rule, stack, resource, reason$/],
    [{ rule: good.rule }, /stack has to be a text\nentry 1: resource has to be a text\nentry 1: reason/],
    ["fsn1-edge", /^entry 1: it has to have rule, stack, resource, reason$/],
  ])("that are wrong are refused: %j", (entry, problem) => {
    expect(() => parsed([entry])).toThrow(problem);
  });

  it("are a list, and the one of this project is right", () => {
    expect(() => parsed({ rule: "x" })).toThrow("it has to be a list of entries");
    expect(parseExceptions("", names)).toEqual([]);
    expect(parseExceptions(readFileSync(join(projectRoot, "policy/exceptions.yaml"), "utf8"), names)).toEqual(
      [],
    );
  });

  it("are shown by an example that is right", () => {
    const text = readFileSync(join(projectRoot, "policy/exceptions.yaml"), "utf8");
    const example = text
      .split("\n")
      .filter((line) => /^# (- |  )/.test(line))
      .map((line) => line.slice(2))
      .join("\n");
    expect(parse(example)).toHaveLength(1);
    expect(() => parseExceptions(example, names)).not.toThrow();
  });
});

describe("rules", () => {
  it("have names of their own, a sentence that says what holds and one that says what to do", () => {
    expect(new Set(names).size).toBe(names.length);
    for (const { name, description, remedy } of [...rules, ...stackRules]) {
      expect(name).toMatch(/^(hetzner|aws)-[a-z0-9-]+$/);
      expect(description, name).toMatch(/^[A-Z].*[.)]$/);
      expect(remedy, name).toMatch(/^[A-Z].*\.$/);
    }
  });

  it("are about resources that there are at Hetzner and AWS", async () => {
    const types = new Set(rules.flatMap((rule) => rule.types));
    for (const type of types) {
      const [, cloud, module, file, name] = /^(hcloud|aws):(\w+)\/(\w+):(\w+)$/.exec(type) ?? [];
      const sdk = await import(`@pulumi/${cloud}/${module === "index" ? "" : `${module}/`}${file}.js`);
      expect(sdk[name ?? ""]?.__pulumiType, type).toBe(type);
    }
    for (const cloud of ["hcloud:", "aws:"]) {
      expect([...types].filter((type) => type.startsWith(cloud)).length).toBeGreaterThan(9);
    }
  });

  it("are all in docs/policy.md, with what holds", () => {
    const text = readFileSync(join(projectRoot, "docs/policy.md"), "utf8");
    const documented = [...text.matchAll(/^\| `((?:hetzner|aws)-[a-z0-9-]+)` \| (.*) \|$/gm)];
    expect(documented.map(([, name, description]) => [name, description])).toEqual(
      [...rules, ...stackRules].map(({ name, description }) => [name, description]),
    );
  });

  it("tell where, what, and what to do", () => {
    expect(message({ remedy: "Close it." }, urn, "tcp 22 is open to ::/0")).toBe(
      'Firewall "fsn1-edge": tcp 22 is open to ::/0\n→ Close it.',
    );
  });
});
