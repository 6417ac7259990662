/**
 * Widths of text without a font at hand, by groups of letters, in parts of the size: those of DejaVu Sans, the widest of
 * the fonts that browsers have for sans-serif. Too wide is a little air, too narrow would be text over a border.
 */
const groups: readonly (readonly [letters: RegExp, width: number])[] = [
  [/[ijl.,:;'|!I ·]/, 0.34],
  [/[tfr/()[\]-]/, 0.42],
  [/[sczkvxy]/, 0.58],
  [/[mwMW—×→%@]/, 0.97],
  [/[A-Z0-9€&]/, 0.68],
];
const others = 0.62;

/** @returns pixels */
export function textWidth(text: string, size: number, bold = false): number {
  let sum = 0;
  for (const letter of text) sum += groups.find(([letters]) => letters.test(letter))?.[1] ?? others;
  return sum * size * (bold ? 1.12 : 1);
}

/** Breaks a text at spaces into lines that are no wider than asked for; a long word stays whole. */
export function wrap(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
