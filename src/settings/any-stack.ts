import type { Settings } from "./schema.js";

/** A stack that is nobody's, in the middle of Europe: what nothing but prices or pictures is asked of. */
export const anyStack: Settings = {
  stack: "plan",
  stage: "droplet",
  provider: "hetzner",
  location: "fsn1",
  serverType: "cx23",
  databaseServerType: "cx23",
  appServers: 2,
  loadBalancer: "haproxy",
  rollout: "rolling",
  loadBalancers: 1,
  floatingIp: false,
  publicIpv4: "all",
  image: "debian-12",
  operatorCidrs: [],
  operatorKeys: [],
  local: false,
  sms: "log",
  networkCidr: "10.10.0.0/16",
  databaseLogins: [1],
};
