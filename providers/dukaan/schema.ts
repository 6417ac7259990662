/**
 * The provider's Pulumi schema: what `pulumi package get-schema` prints, and what `check` holds inputs against.
 * Format: pulumi.com/docs/iac/using-pulumi/pulumi-packages/schema. `sdk.ts` says what each property means.
 */
export interface PropertySpec {
  type?: "string" | "boolean" | "integer" | "number" | "array" | "object";
  items?: PropertySpec;
  additionalProperties?: PropertySpec;
  $ref?: `#/types/${string}`;
  description?: string;
  secret?: true;
}

export interface ObjectSpec {
  type: "object";
  description?: string;
  properties: Record<string, PropertySpec>;
  required?: string[];
}

export type SchemaTypes = Record<string, ObjectSpec>;

export interface ResourceSpec {
  description: string;
  inputProperties: Record<string, PropertySpec>;
  requiredInputs: string[];
  properties: Record<string, PropertySpec>;
  required: string[];
}

export const packageVersion = "0.1.0";

const string: PropertySpec = { type: "string" };
const integer: PropertySpec = { type: "integer" };
const boolean: PropertySpec = { type: "boolean" };
const secretString: PropertySpec = { type: "string", secret: true };
const listOf = (items: PropertySpec): PropertySpec => ({ type: "array", items });
const mapOf = (additionalProperties: PropertySpec): PropertySpec => ({
  type: "object",
  additionalProperties,
});
const ref = (name: string): PropertySpec => ({ $ref: `#/types/dukaan:index:${name}` });
const object = (properties: Record<string, PropertySpec>, optional: string[] = []): ObjectSpec => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});

const commands = listOf(listOf(string));

/** What a role puts on a machine. */
const roleContent = {
  name: string,
  packages: listOf(string),
  users: listOf(ref("User")),
  directories: listOf(ref("Directory")),
  files: mapOf(ref("File")),
  validate: commands,
  services: listOf(ref("Service")),
  activate: commands,
  checks: listOf(ref("Check")),
};
const optionalOfRoleContent = Object.keys(roleContent).filter((name) => name !== "name");

/** What a release runs. */
const releaseContent = {
  service: string,
  bundle: ref("Bundle"),
  runtime: ref("Runtime"),
  modules: ref("Modules"),
  user: string,
  environment: mapOf(secretString),
  credentials: listOf(string),
  checks: listOf(ref("Check")),
  readySeconds: integer,
};
const optionalOfReleaseContent = ["modules", "credentials", "checks", "readySeconds"];

export const schemaTypes: SchemaTypes = {
  "dukaan:index:Connection": object(
    {
      host: string,
      port: integer,
      user: string,
      hostKey: string,
      privateKey: secretString,
      tunnel: ref("Tunnel"),
    },
    ["port", "tunnel"],
  ),
  "dukaan:index:Tunnel": object({ endpointId: string, dnsName: string, region: string }),
  "dukaan:index:User": object(
    { name: string, system: boolean, home: string, shell: string, groups: listOf(string) },
    ["system", "home", "shell", "groups"],
  ),
  "dukaan:index:Directory": object({ path: string, owner: string, group: string, mode: string }),
  "dukaan:index:File": object(
    { content: string, owner: string, group: string, mode: string, secret: boolean },
    ["secret"],
  ),
  "dukaan:index:Service": object({ name: string, enabled: boolean, onChange: string }),
  "dukaan:index:Check": object({ command: listOf(string), timeoutSeconds: integer }),
  "dukaan:index:Bundle": object({ directory: string, digest: string }),
  "dukaan:index:Modules": object({ archive: string, digest: string }),
  "dukaan:index:Rotation": object({ leave: listOf(string), join: listOf(string) }),
  "dukaan:index:Runtime": object({ archive: string, version: string, digest: string }),
  "dukaan:index:RoleContent": object(roleContent, optionalOfRoleContent),
  "dukaan:index:ReleaseContent": object(releaseContent, optionalOfReleaseContent),
};

const resource = (
  description: string,
  inputs: Record<string, PropertySpec>,
  optional: string[],
  outputs: Record<string, PropertySpec>,
): ResourceSpec => ({
  description,
  inputProperties: inputs,
  requiredInputs: Object.keys(inputs).filter((name) => !optional.includes(name)),
  properties: outputs,
  required: Object.keys(outputs),
});

const releaseInputs = {
  connection: ref("Connection"),
  serverId: string,
  ...releaseContent,
  migrate: listOf(string),
  rotation: ref("Rotation"),
  standbySeconds: integer,
  after: listOf(string),
};
const optionalOfRelease = [...optionalOfReleaseContent, "migrate", "rotation", "standbySeconds", "after"];

const resources: Record<string, ResourceSpec> = {
  "dukaan:index:Stage": resource(
    "Guard: fails the preview when what cannot change without moving data changes.",
    {
      stage: string,
      provider: string,
      location: string,
      image: string,
      addresses: mapOf(string),
      disks: mapOf(integer),
      volumes: mapOf(integer),
      databaseLogins: listOf(integer),
      loadBalancer: string,
      managedDatabase: integer,
      addressShared: integer,
      token: string,
    },
    [
      "addresses",
      "disks",
      "volumes",
      "databaseLogins",
      "loadBalancer",
      "managedDatabase",
      "addressShared",
      "token",
    ],
    { stage: string },
  ),
  "dukaan:index:SshKey": resource("An Ed25519 key pair in OpenSSH's formats.", { comment: string }, [], {
    publicKey: string,
    privateKey: secretString,
  }),
  "dukaan:index:CertificateAuthority": resource(
    "A certificate authority (ECDSA P-256).",
    {
      commonName: string,
      validityDays: integer,
      permittedDnsDomains: listOf(string),
      permittedIpRanges: listOf(string),
    },
    ["permittedDnsDomains", "permittedIpRanges"],
    { certificate: string, privateKey: secretString, notAfter: string },
  ),
  "dukaan:index:Certificate": resource(
    "A server certificate (ECDSA P-256), renewed when less than a third of its time is left.",
    {
      caCertificate: string,
      caPrivateKey: secretString,
      commonName: string,
      dnsNames: listOf(string),
      ipAddresses: listOf(string),
      validityDays: integer,
    },
    [],
    { certificate: string, privateKey: secretString, notAfter: string },
  ),
  "dukaan:index:AcmeAccount": resource(
    "The key of an account with an ACME authority (RSA, 2048 bits).",
    { directory: string },
    [],
    { privateKey: secretString, thumbprint: string },
  ),
  "dukaan:index:Role": resource(
    "Packages, users, files and services of one purpose on one machine.",
    { connection: ref("Connection"), serverId: string, ...roleContent, after: listOf(string) },
    [...optionalOfRoleContent, "after"],
    { digest: string, fileDigests: mapOf(string) },
  ),
  "dukaan:index:BootPackage": resource(
    "Roles and a release as one archive in a bucket, from which machines configure themselves.",
    {
      endpoint: string,
      region: string,
      bucket: string,
      roles: listOf(ref("RoleContent")),
      release: ref("ReleaseContent"),
      after: listOf(string),
    },
    ["after"],
    { key: string, digest: string, contentId: string },
  ),
  "dukaan:index:ReleaseCandidate": resource(
    "One service's next release on one machine, started and looked at beside the one that serves.",
    releaseInputs,
    optionalOfRelease,
    { digest: string, active: string },
  ),
  "dukaan:index:Release": resource(
    "One service's release on one machine, switched without a failed request.",
    releaseInputs,
    optionalOfRelease,
    { digest: string, active: string },
  ),
  "dukaan:index:InstanceRefresh": resource(
    "Brings the instances of an Auto Scaling group to a version of its launch template.",
    {
      region: string,
      group: string,
      template: string,
      templateVersion: integer,
      least: integer,
      alarms: listOf(string),
      bakeSeconds: integer,
    },
    ["alarms", "bakeSeconds"],
    { active: integer },
  ),
};

/** The inputs and outputs of a type, e.g. `dukaan:index:Role`. */
export function resourceSpec(token: string): ResourceSpec {
  const spec = resources[token];
  if (!spec)
    throw new Error(
      `the provider dukaan has no resource ${token}; it has ${Object.keys(resources).join(", ")}`,
    );
  return spec;
}

export function packageSchema() {
  return {
    name: "dukaan",
    version: packageVersion,
    description: "Roles, releases, keys and certificates of the machines of a store platform",
    license: "Apache-2.0",
    types: schemaTypes,
    resources,
  };
}
