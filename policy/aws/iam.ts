import { blocks, fields, texts } from "../read.js";
import type { Rule, Subject } from "../rule.js";

/** Resources that say what somebody may do; the document is in `policy`. */
const role = "aws:iam/role:Role";
const grants = [
  "aws:iam/groupPolicy:GroupPolicy",
  "aws:iam/policy:Policy",
  "aws:iam/rolePolicy:RolePolicy",
  "aws:iam/userPolicy:UserPolicy",
];

/** Resources that say who may use something; the document is in `policy`. */
const admissions = [
  "aws:kms/key:Key",
  "aws:s3/bucketPolicy:BucketPolicy",
  "aws:sns/topicPolicy:TopicPolicy",
  "aws:sqs/queuePolicy:QueuePolicy",
];

/** The statements that allow something in a document, given as JSON or as an object. */
function allowed(document: unknown): Readonly<Record<string, unknown>>[] {
  const parsed: unknown = typeof document === "string" ? JSON.parse(document) : document;
  return blocks(fields(parsed)["Statement"]).filter(({ Effect }) => Effect === "Allow");
}

function grantsOf({ type, props }: Subject): unknown[] {
  return type === role ? blocks(props["inlinePolicies"]).map(({ policy }) => policy) : [props["policy"]];
}

/** "*", or an ARN whose part behind the account is. */
function isEverything(resource: string): boolean {
  return /^\*+$/.test(resource) || /^(?:[^:]*:){5}\*+$/.test(resource);
}

const noWildcards: Rule = {
  name: "aws-iam-wildcards",
  description: "Who may do something may do what is named, to what is named.",
  remedy:
    "Name actions and resources. Where AWS knows no narrower resource, say so: an exception with its reason in policy/exceptions.yaml.",
  types: [role, ...grants],
  check: (subject) => grantsOf(subject).flatMap(allowed).flatMap(wildcardsIn),
};

function wildcardsIn(statement: Readonly<Record<string, unknown>>): string[] {
  const about = ["statement", ...texts(statement["Sid"])].join(" ");
  const actions = texts(statement["Action"]).filter((action) => action.includes("*"));
  const resources = texts(statement["Resource"]).filter(isEverything);
  const inverted = ["NotAction", "NotResource"].filter((name) => statement[name] !== undefined);
  return [
    ...actions.map((action) => `${about} allows the actions ${action}`),
    ...resources.map((resource) => `${about} allows it on ${resource}`),
    ...inverted.map((name) => `${about} allows all but what ${name} names`),
  ];
}

const noBroadGrants: Rule = {
  name: "aws-iam-managed-policies",
  description: "Nobody gets one of AWS's policies that allow nearly everything.",
  remedy: "Write a policy with the actions that are needed.",
  types: [
    role,
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
  ],
  check: ({ props }) => {
    const attached = [...texts(props["policyArn"]), ...texts(props["managedPolicyArns"])];
    return attached
      .filter((arn) => /:aws:policy\/.*(AdministratorAccess|PowerUserAccess|FullAccess)/.test(arn))
      .map((arn) => `it gives ${arn.split("/").at(-1)}`);
  },
};

const noStrangers: Rule = {
  name: "aws-iam-strangers",
  description: "No role, bucket, queue, topic or key is for everybody.",
  remedy: "Name the principal, or narrow it down by a Condition.",
  types: [role, ...admissions],
  check: ({ type, props }) => {
    const document = props[type === role ? "assumeRolePolicy" : "policy"];
    return allowed(document)
      .filter(({ Principal, Condition }) => {
        const named = [...texts(Principal), ...texts(fields(Principal)["AWS"])];
        return Condition === undefined && named.includes("*");
      })
      .map(() => 'a statement\'s Principal is "*"');
  },
};

export const iam: readonly Rule[] = [noWildcards, noBroadGrants, noStrangers];
