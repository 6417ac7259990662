/**
 * One line of text as people type it: Unicode NFC, trimmed, runs of white space as one space. `undefined` when it is
 * empty, longer than `maxLength` code points, or holds control characters or broken surrogates (PostgreSQL stores
 * neither NUL nor those).
 */
export function parseTextLine(text: string, maxLength: number): string | undefined {
  if (!text.isWellFormed()) return undefined;
  const line = text.normalize("NFC").trim().replaceAll(/\s+/g, " ");
  if (line === "" || /\p{Cc}/u.test(line)) return undefined;
  return codePoints(line) <= maxLength ? line : undefined;
}

/**
 * Text of several lines: Unicode NFC, trimmed, line ends as "\n", at most one empty line in a row. `undefined` when it is
 * longer than `maxLength` code points, or holds other control characters or broken surrogates. May be empty.
 */
export function parseText(text: string, maxLength: number): string | undefined {
  if (!text.isWellFormed()) return undefined;
  const lines = text
    .normalize("NFC")
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/[\t ]+/g, " ")
    .replaceAll(/ ?\n(?: ?\n)+ ?/g, "\n\n")
    .trim();
  if (/[^\P{Cc}\n]/u.test(lines)) return undefined;
  return codePoints(lines) <= maxLength ? lines : undefined;
}

// As PostgreSQL's length() counts.
function codePoints(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0);
}
