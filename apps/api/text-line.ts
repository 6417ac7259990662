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

// As PostgreSQL's length() counts.
function codePoints(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff]/g)?.length ?? 0);
}
