import { databaseClasses, leastDatabaseGB } from "../topology/aws-catalog.js";
import { defaultServerType } from "../topology/catalog.js";
import type { Candidate } from "./rules.js";
import type { Problem } from "./schema.js";

/** Fewer would not cover a week's holiday. */
export const leastBackupDays = 7;

/** Where `dukaan:managed` can be set, and what goes with it. */
export function managedRules({ settings }: Candidate): Problem[] {
  const { managed, provider } = settings;
  if (!managed) return onlyWithManaged(settings);
  if (provider === undefined) return [];
  if (provider !== "aws") {
    return [
      {
        path: "dukaan:managed",
        reason: `is true, and ${provider} runs no databases for its customers`,
        remedy: "Remove it, or set dukaan:provider to aws.",
      },
    ];
  }
  return [...placeProblems(settings), ...sizeProblems(settings)];
}

function onlyWithManaged(settings: Candidate["settings"]): Problem[] {
  return (["multiAz", "backupDays"] as const)
    .filter((name) => settings[name] !== undefined)
    .map((name) => ({
      path: `dukaan:${name}`,
      reason: "is for a database that AWS runs, and dukaan:managed is not set",
      remedy: "Remove it, or set dukaan:managed to true.",
    }));
}

function placeProblems({ stage, joining, leaving }: Candidate["settings"]): Problem[] {
  const moves = [
    ...(joining === undefined ? [] : ["joining"]),
    ...(leaving === "droplet" ? ["leaving"] : []),
  ];
  return [
    ...(stage === "droplet"
      ? [
          {
            path: "dukaan:managed",
            reason: "is true, and at stage droplet the database is on the shop's one server",
            remedy: "Remove it, or set dukaan:stage to split.",
          },
        ]
      : []),
    ...moves.map((name) => ({
      path: `dukaan:${name}`,
      reason: "moves a database between servers of the stack, and dukaan:managed has AWS run it",
      remedy: "Remove it.",
    })),
  ];
}

function sizeProblems({ serverType, databaseServerType, databaseVolume }: Candidate["settings"]): Problem[] {
  const size = databaseServerType ?? serverType ?? defaultServerType(false, "aws");
  return [
    ...(databaseClasses.has(size)
      ? []
      : [
          {
            path: "dukaan:databaseServerType",
            reason: `is ${size}, which RDS does not have`,
            remedy: `Use one of ${[...databaseClasses.keys()].join(", ")}.`,
          },
        ]),
    ...(databaseVolume === undefined || databaseVolume >= leastDatabaseGB
      ? []
      : [
          {
            path: "dukaan:databaseVolume",
            reason: `is ${databaseVolume} GB, and RDS gives ${leastDatabaseGB} GB at least`,
            remedy: `Use ${leastDatabaseGB} or more, or remove it.`,
          },
        ]),
  ];
}
