import { chmod, rename, rm, writeFile } from "node:fs/promises";

/** Replaces a file's content so that a reader, or a crash, sees either the old or the new one. */
export async function writeAtomically(file: string, content: string, mode: number): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  try {
    await writeFile(temporary, content, { mode });
    await chmod(temporary, mode);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
