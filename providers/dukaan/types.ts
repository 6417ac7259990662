import type { ResourceType } from "./resource.js";

/** Where each type is implemented. Imported on first use: most previews need neither SSH nor X.509. */
const modules: Record<string, () => Promise<ResourceType>> = {
  "dukaan:index:Stage": async () => (await import("./resources/stage.js")).stage,
  "dukaan:index:SshKey": async () => (await import("./resources/ssh-key.js")).sshKey,
  "dukaan:index:CertificateAuthority": async () =>
    (await import("./resources/certificate-authority.js")).certificateAuthority,
  "dukaan:index:Certificate": async () => (await import("./resources/certificate.js")).certificate,
  "dukaan:index:AcmeAccount": async () => (await import("./resources/acme-account.js")).acmeAccount,
  "dukaan:index:Role": async () => (await import("./resources/role.js")).role,
  "dukaan:index:ReleaseCandidate": async () => (await import("./resources/release.js")).releaseCandidate,
  "dukaan:index:InstanceRefresh": async () =>
    (await import("./resources/instance-refresh.js")).instanceRefresh,
  "dukaan:index:BootPackage": async () => (await import("./resources/boot-package.js")).bootPackage,
  "dukaan:index:Release": async () => (await import("./resources/release.js")).release,
};

/** @throws when the provider has no such type. */
export async function resourceType(token: string): Promise<ResourceType> {
  const load = modules[token];
  if (!load) throw new Error(`the provider dukaan has no resource ${token}`);
  return load();
}
