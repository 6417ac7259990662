/** Replaces every secret in a text. */
export type Mask = (text: string) => string;

/** Makes a mask from secret texts. */
export function createMask(secrets: readonly string[]): Mask {
  const hidden = hiddenTexts(secrets);
  return (text) => hidden.reduce((masked, part) => masked.replaceAll(part, "[secret]"), text);
}

/**
 * What a mask looks for. A program's message rarely quotes a secret file as a whole, so its lines and the
 * words in them that look like passwords (8 characters or more with a digit, or 16 without) are masked too.
 */
export function hiddenTexts(secrets: readonly string[]): string[] {
  const hidden = new Set<string>();
  for (const secret of secrets) {
    const lines = secret.split("\n").map((line) => line.trim());
    const words = lines.flatMap((line) => line.split(/[\s"'`=,;:@/()[\]{}<>]+/));
    for (const text of [secret.trim(), ...lines]) if (text.length >= 6) hidden.add(text);
    for (const word of words)
      if (word.length >= 16 || (word.length >= 8 && /\d/.test(word))) hidden.add(word);
  }
  // Longest first, so that a part does not break up the whole that holds it.
  return [...hidden].sort((a, b) => b.length - a.length);
}
