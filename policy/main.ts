import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type PolicyResource,
  PolicyPack,
  type ReportViolation,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { type Exception, exceptionFor, parseExceptions } from "./exceptions.js";
import {
  breaches,
  message,
  type Rule,
  type StackRule,
  type StackSubject,
  type Subject,
  where,
} from "./rule.js";
import { rules, stackRules } from "./rules.js";

// What Pulumi starts as a policy pack, in the folder of PulumiPolicy.yaml. A resource that breaks a rule is not made.

type Found = { urn: string; found: string };

function subjectOf({
  type,
  name,
  urn,
  props,
  opts,
  provider,
}: ResourceValidationArgs | PolicyResource): Subject {
  return {
    type,
    name,
    urn,
    props,
    protect: opts.protect,
    provider: {
      // The plugin takes what its settings leave open from the environment.
      endpoint: provider?.props["endpoint"] ?? process.env["HCLOUD_ENDPOINT"],
      defaultTags: provider?.props["defaultTags"],
    },
  };
}

/** A preview does not know everything yet. What it cannot see is looked at again before the resource is made. */
function whatIsKnown<Result>(look: () => Result[]): Result[] {
  try {
    return look();
  } catch (error) {
    // The library does not export its class.
    if (error instanceof Error && "unknownTypeSentinel" in error) return [];
    throw error;
  }
}

function check(rule: Rule, args: ResourceValidationArgs): Found[] {
  return whatIsKnown(() => breaches(rule, subjectOf(args)).map((found) => ({ urn: args.urn, found })));
}

function checkStack(rule: StackRule, resources: readonly PolicyResource[]): Found[] {
  const subjects = resources.map((resource): StackSubject => ({
    ...subjectOf(resource),
    origins: Object.fromEntries(
      Object.entries(resource.propertyDependencies).map(([key, from]) => [key, from.map(({ urn }) => urn)]),
    ),
  }));
  return whatIsKnown(() => rule.check(subjects));
}

function resourcePolicy(rule: Rule, exceptions: readonly Exception[]): ResourceValidationPolicy {
  return {
    name: rule.name,
    description: rule.description,
    validateResource: (args, report) => {
      if (exceptionFor(exceptions, rule.name, args.urn)) return;
      for (const { found } of check(rule, args)) report(message(rule, args.urn, found));
    },
  };
}

function stackPolicy(rule: StackRule, exceptions: readonly Exception[]): StackValidationPolicy {
  return {
    name: rule.name,
    description: rule.description,
    validateStack: ({ resources }, report) => {
      for (const { urn, found } of checkStack(rule, resources)) {
        if (!exceptionFor(exceptions, rule.name, urn)) report(message(rule, urn, found), urn);
      }
    },
  };
}

/** Whatever breaks a rule with leave is told each time, with the reason. */
function exceptionsInUse(exceptions: readonly Exception[]): ResourceValidationPolicy & StackValidationPolicy {
  const tell = (rule: Pick<Rule, "name">, found: readonly Found[], report: ReportViolation) => {
    for (const { urn, found: what } of found) {
      const exception = exceptionFor(exceptions, rule.name, urn);
      if (exception) report(`${where(urn)}: ${what}\n${rule.name}, excepted: ${exception.reason}`, urn);
    }
  };
  return {
    name: "exceptions",
    description: "A rule does not hold here (policy/exceptions.yaml).",
    enforcementLevel: "advisory",
    validateResource: (args, report) => {
      for (const rule of rules) {
        if (exceptionFor(exceptions, rule.name, args.urn)) tell(rule, check(rule, args), report);
      }
    },
    validateStack: ({ resources }, report) => {
      for (const rule of stackRules) {
        if (exceptions.some((one) => one.rule === rule.name)) tell(rule, checkStack(rule, resources), report);
      }
    },
  };
}

function readExceptions(): Exception[] {
  const file = join(process.cwd(), "exceptions.yaml");
  try {
    return parseExceptions(
      readFileSync(file, "utf8"),
      [...rules, ...stackRules].map(({ name }) => name),
    );
  } catch (error) {
    console.error(`${file} is wrong; nothing was checked and nothing changed.\n${(error as Error).message}`);
    return process.exit(1);
  }
}

const exceptions = readExceptions();
// oxlint-disable-next-line no-new -- it serves until Pulumi is done
new PolicyPack("dukaan", {
  enforcementLevel: "mandatory",
  policies: [
    ...rules.map((rule) => resourcePolicy(rule, exceptions)),
    ...stackRules.map((rule) => stackPolicy(rule, exceptions)),
    exceptionsInUse(exceptions),
  ],
});
