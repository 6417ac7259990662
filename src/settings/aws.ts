import { instanceTypes } from "../topology/aws-catalog.js";
import { locations } from "../topology/catalog.js";
import type { Candidate } from "./rules.js";
import type { Problem } from "./schema.js";

/** What can be set where the home region is on AWS, and what only there. */
export function awsRules({ settings, local }: Candidate): Problem[] {
  const { provider, nat } = settings;
  if (provider === undefined) return [];
  const placed = [...locationProblems(settings), ...serverTypeProblems(settings)];
  if (provider === "aws") return [...placed, ...shapeProblems(settings, local)];
  if (nat === undefined || nat === "none") return placed;
  return [
    ...placed,
    {
      path: "dukaan:nat",
      reason: `is ${nat}, and only AWS has it`,
      remedy: "Remove it, or set dukaan:provider to aws.",
    },
  ];
}

function locationProblems({ provider, location: name }: Candidate["settings"]): Problem[] {
  const place = locations.find((one) => one.name === name);
  if (!place || place.provider === provider) return [];
  const there = locations.filter((one) => one.provider === provider).map((one) => one.name);
  return [
    {
      path: "dukaan:location",
      reason: `is ${place.name}, which is not a location of ${provider}`,
      remedy: `Use one of ${there.join(", ")}.`,
    },
  ];
}

function serverTypeProblems(settings: Candidate["settings"]): Problem[] {
  const { provider } = settings;
  return (["serverType", "databaseServerType"] as const).flatMap((setting) => {
    const name = settings[setting];
    const onAws = instanceTypes.some((type) => type.name === name);
    if (name === undefined || onAws === (provider === "aws")) return [];
    return [
      {
        path: `dukaan:${setting}`,
        reason: `is ${name}, which is not a size of ${provider}'s`,
        remedy: provider === "aws" ? "Use e.g. t3.medium." : "Use e.g. cx23.",
      },
    ];
  });
}

/** What AWS has in another shape, or not at all. */
function shapeProblems(
  { loadBalancers, floatingIp, publicIpv4 }: Candidate["settings"],
  local: boolean,
): Problem[] {
  const two = loadBalancers === 2;
  return [
    ...(local
      ? [
          {
            path: "dukaan:provider",
            reason: "is aws, and the local cloud is a Hetzner Cloud",
            remedy: "Use hetzner, or remove dukaan:local and hcloud:endpoint.",
          },
        ]
      : []),
    ...(two || floatingIp === true
      ? [
          {
            path: two ? "dukaan:loadBalancers" : "dukaan:floatingIp",
            reason: `is ${two ? "2" : "true"}, and on AWS no address goes from one load balancer to another yet`,
            remedy: two ? "Set it to 1." : "Remove it.",
          },
        ]
      : []),
    ...(publicIpv4 === "entries"
      ? [
          {
            path: "dukaan:publicIpv4",
            reason: "is entries, which is for Hetzner",
            remedy: "Remove it, and set dukaan:nat to instance or gateway.",
          },
        ]
      : []),
  ];
}
