import { describe, expect, it } from "vitest";
import { findings, subject } from "./policy-subject.js";

describe("aws-iam-wildcards", () => {
  const check = (statement: object, type = "aws:iam/rolePolicy:RolePolicy") => {
    const policy = JSON.stringify({ Statement: [{ Effect: "Allow", ...statement }] });
    return findings("aws-iam-wildcards", subject(type, { policy }));
  };
  const arn = "arn:aws:s3:::shop-releases/*";

  it("lets pass what is named", () => {
    expect(check({ Action: ["s3:GetObject"], Resource: arn })).toEqual([]);
    expect(check({ Effect: "Deny", Action: "*", Resource: "*" })).toEqual([]);
    expect(
      check({ Action: "ec2:StartInstances", Resource: "arn:aws:ec2:eu-central-1:1:instance/i-1" }),
    ).toEqual([]);
  });

  it.each([
    [{ Action: "*", Resource: arn }, "statement allows the actions *"],
    [{ Sid: "Read", Action: ["s3:Get*"], Resource: arn }, "statement Read allows the actions s3:Get*"],
    [{ Action: "s3:GetObject", Resource: "*" }, "statement allows it on *"],
    [{ Action: "s3:GetObject", Resource: [arn, "arn:aws:s3:::*"] }, "statement allows it on arn:aws:s3:::*"],
    [{ NotAction: "iam:*", Resource: arn }, "statement allows all but what NotAction names"],
    [{ Action: "s3:GetObject", NotResource: arn }, "statement allows all but what NotResource names"],
  ])("refuses %j", (statement, what) => {
    expect(check(statement)).toEqual([what]);
  });

  it("reads documents wherever they are", () => {
    const statement = { Action: "*", Resource: arn };
    for (const type of ["policy:Policy", "userPolicy:UserPolicy", "groupPolicy:GroupPolicy"]) {
      expect(check(statement, `aws:iam/${type}`), type).toHaveLength(1);
    }
    const policy = { Statement: { Effect: "Allow", ...statement } };
    const role = subject("aws:iam/role:Role", { inlinePolicies: [{ policy: JSON.stringify(policy) }] });
    expect(findings("aws-iam-wildcards", role)).toHaveLength(1);
    const given = subject("aws:iam/policy:Policy", { policy });
    expect(findings("aws-iam-wildcards", given)).toHaveLength(1);
  });
});

describe("aws-iam-managed-policies", () => {
  it("gives nobody nearly everything", () => {
    const check = (type: string, policyArn: string) =>
      findings("aws-iam-managed-policies", subject(`aws:iam/${type}`, { policyArn }));
    const attachment = "rolePolicyAttachment:RolePolicyAttachment";
    expect(check(attachment, "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")).toEqual([]);
    expect(check(attachment, "arn:aws:iam::aws:policy/AdministratorAccess")).toEqual([
      "it gives AdministratorAccess",
    ]);
    expect(
      check("userPolicyAttachment:UserPolicyAttachment", "arn:aws:iam::aws:policy/AmazonS3FullAccess"),
    ).toEqual(["it gives AmazonS3FullAccess"]);
    expect(
      check("policyAttachment:PolicyAttachment", "arn:aws:iam::aws:policy/PowerUserAccess"),
    ).toHaveLength(1);
    const managedPolicyArns = ["arn:aws:iam::aws:policy/job-function/AdministratorAccess"];
    const role = subject("aws:iam/role:Role", { managedPolicyArns });
    expect(findings("aws-iam-managed-policies", role)).toHaveLength(1);
  });
});

describe("aws-iam-strangers", () => {
  it("lets nobody in particular in nowhere", () => {
    const check = (type: string, key: string, statement: object) => {
      const document = JSON.stringify({ Statement: [{ Effect: "Allow", ...statement }] });
      return findings("aws-iam-strangers", subject(type, { [key]: document }));
    };
    const role = (statement: object) => check("aws:iam/role:Role", "assumeRolePolicy", statement);
    expect(role({ Principal: { Service: "ec2.amazonaws.com" } })).toEqual([]);
    expect(role({ Principal: { AWS: "*" } })).toEqual([`a statement's Principal is "*"`]);
    expect(role({ Principal: "*" })).toHaveLength(1);
    const bucket = (statement: object) => check("aws:s3/bucketPolicy:BucketPolicy", "policy", statement);
    expect(bucket({ Principal: "*" })).toHaveLength(1);
    expect(bucket({ Principal: "*", Condition: { StringEquals: { "aws:SourceVpce": "vpce-1" } } })).toEqual(
      [],
    );
  });
});
