/**
 * Ends the process a second after its command at the latest, whatever is still open, and not before what it has printed is
 * out. A program that was to give credentials for AWS, and that nobody waits for any more, would hold it up otherwise.
 */
export function endSoon(): void {
  process.stdout.write("", () => void setTimeout(() => process.exit(), 1000).unref());
}
