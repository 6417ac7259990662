import { type Table, textTable } from "../text-table.js";
import type { Walked } from "./judge.js";

/** Who reaches what: a row for each place, two columns for each target. What is not as declared has a sign. */
export function reachTable(walked: readonly Walked[]): string {
  const names = (of: "from" | "to") => [...new Set(walked.map(({ path }) => path[of]))];
  const columns = names("to").flatMap((to) =>
    (["public", "private"] as const)
      .filter((side) => walked.some(({ path }) => path.to === to && path.side === side))
      .map((side) => ({ to, side })),
  );
  const table: Table = {
    head: ["from", ...columns.map(({ to, side }) => `→ ${to} ${side}`)],
    rows: names("from").map((from) =>
      [from].concat(
        columns.map(({ to, side }) =>
          cell(walked.filter(({ path }) => path.from === from && path.to === to && path.side === side)),
        ),
      ),
    ),
  };
  return textTable(table);
}

/** Both families in one cell: once when they are alike. */
function cell(walked: readonly Walked[]): string {
  const texts = walked.map((each) => ({ family: each.path.family, text: passing(each) }));
  const different = new Set(texts.map(({ text }) => text)).size > 1;
  return different
    ? texts.map(({ family, text }) => `${family}: ${text}`).join("; ")
    : (texts[0]?.text ?? "·");
}

function passing({ expected, found }: Walked): string {
  const through = [...found.open, ...found.refused];
  const signed = (prefix: string, declared: ReadonlySet<number>, seen: readonly number[]) =>
    [...new Set([...declared, ...seen])]
      .sort((a, b) => a - b)
      .map((port) => `${sign(declared.has(port), seen.includes(port))}${prefix}${port}`);
  const words = [
    ...signed("", expected.tcp, through),
    ...signed("udp/", expected.udp, found.datagrams),
    ...(expected.ping || found.ping === true
      ? [`${sign(expected.ping, found.ping ?? expected.ping)}ping`]
      : []),
  ];
  if (words.length === 0) return "nothing";
  return words.length > 12 ? `${words.slice(0, 12).join(" ")} …` : words.join(" ");
}

/** + what passes and must not, − what must pass and does not. */
function sign(declared: boolean, seen: boolean): string {
  return declared === seen ? "" : seen ? "+" : "−";
}
