/** A table for people, however it is drawn: numbers are text already. */
export interface Table {
  head: string[];
  rows: string[][];
}

/**
 * Rows in columns, for a terminal.
 * @param numbersFrom the first column of numbers, which are set to the right; so are all that follow
 */
export function textTable({ head, rows }: Table, numbersFrom = Infinity): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) =>
        column < numbersFrom ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width),
      )
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "─".repeat(width)).join("──"), ...rows.map(line)].join("\n");
}
