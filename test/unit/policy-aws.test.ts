import { describe, expect, it } from "vitest";
import { findings, stackFindings, subject } from "./policy-subject.js";

const all = "0.0.0.0/0";

describe("aws-public-ports", () => {
  const group = (ingress: object[], type = "aws:ec2/securityGroup:SecurityGroup") =>
    findings("aws-public-ports", subject(type, { ingress }));
  const block = (fromPort: number, toPort: number, protocol = "tcp", cidrBlocks = [all]) => ({
    fromPort,
    toPort,
    protocol,
    cidrBlocks,
  });

  it("lets the web and ping in, and whom a security group names", () => {
    expect(group([block(443, 443), block(80, 80), block(-1, -1, "icmp")])).toEqual([]);
    expect(group([{ fromPort: 5432, toPort: 5432, protocol: "tcp", securityGroups: ["sg-1"] }])).toEqual([]);
    expect(group([block(22, 22, "tcp", ["198.51.100.0/24"])])).toEqual([]);
  });

  it("refuses everything else, in all ways to say it", () => {
    expect(group([block(22, 22)])).toEqual(["tcp 22 is open to 0.0.0.0/0"]);
    expect(group([block(0, 0, "-1")])).toEqual(["everything is open to 0.0.0.0/0"]);
    expect(group([block(80, 443)])).toEqual(["tcp 80-443 is open to 0.0.0.0/0"]);
    expect(group([block(443, 443, "udp")])).toEqual(["udp 443 is open to 0.0.0.0/0"]);
    const v6 = { fromPort: 22, toPort: 22, protocol: "tcp", ipv6CidrBlocks: ["::/0"] };
    expect(group([v6])).toEqual(["tcp 22 is open to ::/0"]);
    expect(group([v6], "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")).toHaveLength(1);
    const rule = (props: object) =>
      findings("aws-public-ports", subject("aws:ec2/securityGroupRule:SecurityGroupRule", { ...props }));
    expect(rule({ type: "ingress", ...block(22, 22) })).toEqual(["tcp 22 is open to 0.0.0.0/0"]);
    expect(rule({ type: "egress", ...block(0, 0, "-1") })).toEqual([]);
    const apart = (props: object) =>
      findings(
        "aws-public-ports",
        subject("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", { ...props }),
      );
    expect(apart({ ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIpv4: all })).toHaveLength(1);
    expect(apart({ ipProtocol: "-1", cidrIpv6: "::/0" })).toEqual(["everything is open to ::/0"]);
    expect(apart({ ipProtocol: "tcp", fromPort: 443, toPort: 443, cidrIpv4: all })).toEqual([]);
  });
});

describe("aws-data-is-private", () => {
  const rule = (props: object) =>
    findings(
      "aws-data-is-private",
      subject("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", { ipProtocol: "tcp", ...props }),
    );

  it("lets a data service be reached from private networks and security groups alone", () => {
    const port = { fromPort: 5432, toPort: 5432 };
    expect(rule({ ...port, referencedSecurityGroupId: "sg-1" })).toEqual([]);
    expect(rule({ ...port, cidrIpv4: "10.10.0.0/16" })).toEqual([]);
    expect(rule({ ...port, cidrIpv4: "198.51.100.7/32" })).toEqual(["tcp 5432 is open to 198.51.100.7/32"]);
    expect(rule({ fromPort: 6000, toPort: 7000, cidrIpv4: all })).toEqual([
      "tcp 6000-7000 is open to 0.0.0.0/0",
    ]);
    expect(rule({ fromPort: 443, toPort: 443, cidrIpv4: all })).toEqual([]);
  });

  it("gives a database no public address", () => {
    const database = (publiclyAccessible?: boolean) =>
      findings("aws-data-is-private", subject("aws:rds/instance:Instance", { publiclyAccessible }));
    expect(database()).toEqual([]);
    expect(database(false)).toEqual([]);
    expect(database(true)).toEqual(["it has a public address"]);
  });
});

describe("aws-metadata-v2", () => {
  it.each(["aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"])("of %s", (type) => {
    const check = (metadataOptions?: object) =>
      findings("aws-metadata-v2", subject(type, { metadataOptions }));
    expect(check({ httpTokens: "required" })).toEqual([]);
    expect(check({ httpEndpoint: "disabled" })).toEqual([]);
    expect(check({ httpTokens: "optional" })).toEqual(["it hands them out to IMDSv1 too"]);
    expect(check()).toEqual(["it hands them out to IMDSv1 too"]);
  });
});

describe("aws-load-balancer-tls", () => {
  const check = (props: object) =>
    findings("aws-load-balancer-tls", subject("aws:lb/listener:Listener", { ...props }));

  it("wants a current TLS, and HTTP to lead there", () => {
    expect(check({ protocol: "HTTPS", sslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06" })).toEqual([]);
    const redirect = { type: "redirect", redirect: { protocol: "HTTPS", statusCode: "HTTP_301" } };
    expect(check({ protocol: "HTTP", defaultActions: [redirect] })).toEqual([]);
    expect(check({ protocol: "HTTP", defaultActions: [{ type: "forward" }] })).toEqual([
      "it speaks HTTP and does not lead to HTTPS",
    ]);
    expect(check({ protocol: "HTTP", defaultActions: [] })).toHaveLength(1);
    expect(check({ protocol: "TCP", defaultActions: [{ type: "forward" }] })).toHaveLength(1);
    expect(check({ protocol: "HTTPS", sslPolicy: "ELBSecurityPolicy-TLS13-1-0-2021-06" })).toEqual([
      "its TLS policy, ELBSecurityPolicy-TLS13-1-0-2021-06, allows old versions",
    ]);
    expect(check({ protocol: "HTTPS" })).toEqual(["its TLS policy, the default one, allows old versions"]);
  });
});

describe("aws-user-data", () => {
  it("finds secrets in text and in base64", () => {
    const text = "#!/bin/sh\nexport PGPASSWORD=correct-horse\n";
    const base64 = Buffer.from(text).toString("base64");
    const check = (type: string, props: object) => findings("aws-user-data", subject(type, { ...props }));
    const found = ["its user data holds a password or token"];
    expect(check("aws:ec2/instance:Instance", { userData: text })).toEqual(found);
    expect(check("aws:ec2/instance:Instance", { userDataBase64: base64 })).toEqual(found);
    expect(check("aws:ec2/launchTemplate:LaunchTemplate", { userData: base64 })).toEqual(found);
    expect(check("aws:ec2/instance:Instance", { userData: "#cloud-config\npackages: [nginx]\n" })).toEqual(
      [],
    );
  });
});

describe("aws-encrypted-disks", () => {
  const check = (type: string, props: object) => findings("aws-encrypted-disks", subject(type, { ...props }));

  it("of volumes, instances and launch templates", () => {
    expect(check("aws:ebs/volume:Volume", { encrypted: true })).toEqual([]);
    expect(check("aws:ebs/volume:Volume", {})).toEqual(["it is not encrypted"]);
    const instance = "aws:ec2/instance:Instance";
    expect(check(instance, { rootBlockDevice: { encrypted: true } })).toEqual([]);
    expect(check(instance, {})).toEqual(["a disk of rootBlockDevice is not encrypted"]);
    const data = { rootBlockDevice: { encrypted: true }, ebsBlockDevices: [{ encrypted: true }, {}] };
    expect(check(instance, data)).toEqual(["a disk of ebsBlockDevices is not encrypted"]);
    const template = "aws:ec2/launchTemplate:LaunchTemplate";
    expect(check(template, { blockDeviceMappings: [{ ebs: { encrypted: "true" } }] })).toEqual([]);
    expect(check(template, { blockDeviceMappings: [{ ebs: { encrypted: "false" } }] })).toHaveLength(1);
    const ephemeral = { deviceName: "/dev/sdb", virtualName: "ephemeral0" };
    expect(check(template, { blockDeviceMappings: [{ ebs: { encrypted: "true" } }, ephemeral] })).toEqual([]);
    expect(check(template, {})).toEqual(["a disk of blockDeviceMappings is not encrypted"]);
  });
});

describe("databases", () => {
  const types = ["aws:rds/instance:Instance", "aws:rds/cluster:Cluster"];
  const good = { storageEncrypted: true, deletionProtection: true, backupRetentionPeriod: 7 };
  const ofDatabases = ["aws-encrypted-databases", "aws-protected", "aws-database-backups"];
  const check = (type: string, props: object, protect = true) =>
    ofDatabases.flatMap((rule) => findings(rule, subject(type, { ...props }, { protect })));

  it.each(types)("%s is encrypted, backed up and protected", (type) => {
    expect(check(type, good)).toEqual([]);
    expect(check(type, { ...good, storageEncrypted: false })).toEqual(["it is not encrypted"]);
    expect(check(type, { ...good, deletionProtection: false })).toEqual(["it lacks deletionProtection"]);
    expect(check(type, { ...good, skipFinalSnapshot: true })).toEqual([
      "it leaves no last snapshot (skipFinalSnapshot)",
    ]);
    expect(check(type, { ...good, backupRetentionPeriod: 6 })).toEqual(["it keeps them for 6 days"]);
    expect(check(type, { ...good, backupRetentionPeriod: 0 })).toEqual(["it keeps them for 0 days"]);
    expect(check(type, good, false)).toEqual(["it lacks protect"]);
    expect(check(type, {}, false)).toEqual([
      "it is not encrypted",
      "it lacks protect",
      "it lacks deletionProtection",
      "it keeps them for 0 days",
    ]);
  });

  it("a replica has its source's encryption, and needs no backups of its own", () => {
    const replica = { replicateSourceDb: "db-1", deletionProtection: true, skipFinalSnapshot: true };
    expect(check(types[0]!, replica)).toEqual([]);
  });
});

describe("aws-protected", () => {
  it("wants AWS's own protection on load balancers too", () => {
    const balancer = (props: object, protect: boolean) =>
      findings("aws-protected", subject("aws:lb/loadBalancer:LoadBalancer", { ...props }, { protect }));
    expect(balancer({ enableDeletionProtection: true }, true)).toEqual([]);
    expect(balancer({}, false)).toEqual(["it lacks protect", "it lacks enableDeletionProtection"]);
  });

  it.each(["aws:ebs/volume:Volume", "aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:ec2/vpc:Vpc"])(
    "keeps %s",
    (type) => {
      expect(findings("aws-protected", subject(type, {}))).toEqual([]);
      expect(findings("aws-protected", subject(type, {}, { protect: false }))).toEqual(["it lacks protect"]);
    },
  );

  it("keeps machines of the stack, at AWS too, and their addresses", () => {
    const check = (props: object, protect = true) =>
      findings("aws-protected", subject("aws:ec2/instance:Instance", { ...props }, { protect }));
    const tags = { "dukaan-machine": "app-1" };
    expect(check({ tags, disableApiTermination: true })).toEqual([]);
    expect(check({ tags, disableApiTermination: true, forceDestroy: true })).toEqual([]);
    expect(check({ tags, forceDestroy: true })).toEqual(["it lacks disableApiTermination"]);
    expect(check({ tags }, false)).toEqual(["it lacks protect", "it lacks disableApiTermination"]);
    expect(check({ tags: { Name: "nat" } }, false)).toEqual([]);
    const address = (props: object) =>
      findings("aws-protected", subject("aws:ec2/eip:Eip", { ...props }, { protect: false }));
    expect(address({ tags })).toEqual(["it lacks protect"]);
    expect(address({ tags: { Name: "nat" } })).toEqual([]);
  });

  it("and what is in a bucket", () => {
    const bucket = subject("aws:s3/bucket:Bucket", { forceDestroy: true });
    expect(findings("aws-protected", bucket)).toEqual(["it goes with all that is in it (forceDestroy)"]);
    expect(findings("aws-protected", subject("aws:ec2/subnet:Subnet", {}, { protect: false }))).toEqual([]);
  });
});

describe("buckets", () => {
  const bucket = (name: string) => subject("aws:s3/bucket:Bucket", { bucket: name }, { name });
  const companion = (type: string, of: string, props: object = {}) =>
    subject(`aws:s3/${type}`, { bucket: of, ...props }, { name: `${of}-${type}` });
  const block = "bucketPublicAccessBlock:BucketPublicAccessBlock";
  const encryption = "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration";
  const ways = {
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  };
  const rule = "aws-buckets-are-private";

  it("have all public access blocked, each its own", () => {
    const [images, backups] = [bucket("images"), bucket("backups")];
    expect(stackFindings(rule, images, companion(block, "images", ways))).toEqual([]);
    expect(stackFindings(rule, images, backups, companion(block, "images", ways))).toEqual([
      "backups: public access to it is not blocked",
    ]);
    for (const way of Object.keys(ways)) {
      const gap = companion(block, "images", { ...ways, [way]: false });
      expect(stackFindings(rule, images, gap), way).toHaveLength(1);
    }
  });

  it("are known by where the name comes from before it is known", () => {
    const unnamed = subject("aws:s3/bucket:Bucket", {}, { name: "images" });
    const of = { ...companion(block, "", ways), origins: { bucket: [unnamed.urn] } };
    expect(stackFindings(rule, unnamed, of)).toEqual([]);
    expect(stackFindings(rule, unnamed, { ...of, origins: {} })).toHaveLength(1);
  });

  it("say how they are encrypted", () => {
    const images = bucket("images");
    expect(stackFindings("aws-encrypted-buckets", images, companion(encryption, "images"))).toEqual([]);
    expect(stackFindings("aws-encrypted-buckets", images, companion(block, "images", ways))).toEqual([
      "images: nothing says how it is encrypted",
    ]);
  });
});

describe("aws-tags", () => {
  const check = (props: object, provider?: { defaultTags: unknown }, type = "aws:ec2/vpc:Vpc") =>
    findings("aws-tags", subject(type, { ...props }, { provider }));
  const tags = { "dukaan-stack": "prod" };

  it("are the resource's own or the provider's", () => {
    expect(check({ tags })).toEqual([]);
    expect(check({}, { defaultTags: { tags } })).toEqual([]);
    expect(check({}, { defaultTags: JSON.stringify({ tags }) })).toEqual([]);
    expect(check({})).toEqual(['its tag dukaan-stack is missing, not "prod"']);
    expect(check({ tags: { "dukaan-stack": "lab" } }, { defaultTags: { tags } })).toEqual([
      'its tag dukaan-stack is "lab", not "prod"',
    ]);
    const group = "aws:autoscaling/group:Group";
    expect(check({ tags: [{ key: "dukaan-stack", value: "prod" }] }, undefined, group)).toEqual([]);
    expect(check({ tags: [] }, { defaultTags: { tags } }, group)).toHaveLength(1);
    expect(check({}, undefined, "aws:ec2/routeTableAssociation:RouteTableAssociation")).toEqual([]);
  });
});
