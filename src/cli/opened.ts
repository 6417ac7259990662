import type { Changes } from "./engine-events.js";
import type { ShopOutputs } from "./shop.js";

/** What `up` tells of a shop that answers, with `--json` as it stands here. */
export interface Opened extends Pick<ShopOutputs, "url" | "stage" | "release"> {
  /** Digest of the bundle that the app stays at since a rollback. */
  held: string | undefined;
  /** File of the authority that has signed its certificate; absent where browsers know it. */
  ca: string | undefined;
  changes: Changes;
  /** What an interrupted run had left, a line each. */
  mended: string[];
  /** Why what is written from now on is not backed up, if so. */
  backupWarning: string | undefined;
  /** What is wrong with groups of machines that AWS starts by itself. */
  groupWarnings: string[];
  seconds: number;
}

/** What `up` prints for people. */
export function openedText(opened: Opened): string {
  const { url, stage, release, held, ca, backupWarning, groupWarnings, seconds } = opened;
  const warnings = [...(backupWarning === undefined ? [] : [backupWarning]), ...groupWarnings];
  return [
    "",
    `Your shop is open: ${url}   (stage ${stage}, ${seconds.toFixed(1)} s)`,
    ...warnings.flatMap((warning) => ["", `ATTENTION: ${warning}`, ""]),
    ...(held === undefined
      ? []
      : [
          `It stays at release ${release} since a rollback; to deploy what is built here: ./dukaan up --release latest`,
        ]),
    ...(ca === undefined ? [] : [`Its certificate is signed by the stack's own authority: ${ca}`]),
    "",
    "  ./dukaan seed     fill it with 100 stores",
    "  ./dukaan ssh      a shell on its server",
    "  ./dukaan down     remove everything",
    "",
  ].join("\n");
}
