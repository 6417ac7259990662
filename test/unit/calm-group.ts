import type { GroupInstance, GroupReport } from "../../src/diagnose/group-report.js";

/** When the tests' groups are judged, in seconds since 1970. */
export const now = Date.parse("2026-11-22T12:00:00Z") / 1000;

export const instance = (id: string, state = "InService", healthy = true, version = "7"): GroupInstance => ({
  id,
  state,
  healthy,
  version,
});

/** A group that is as it is to be, but for what AWS tells of its machines' starts and of the load balancer. */
export const calmGroup: Omit<GroupReport, "activities" | "balancer"> = {
  name: "dukaan-shop-app-group",
  region: "eu-west-2",
  least: 1,
  most: 7,
  desired: 2,
  version: "7",
  instances: [instance("i-1"), instance("i-2")],
  suspended: [],
};
