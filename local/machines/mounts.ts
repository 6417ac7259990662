import { readFile } from "node:fs/promises";

export interface Mount {
  source: string;
  point: string;
  type: string;
}

/** What is mounted on this computer, in the order in which it was. */
export async function mounts(): Promise<Mount[]> {
  const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  return lines.flatMap((line) => {
    const [source, point, type] = line.split(" ").map(unescape);
    return source === undefined || point === undefined || type === undefined ? [] : [{ source, point, type }];
  });
}

/** Where a running process sees file systems of the device "major:minor" mounted, in the order in which they were. */
export async function mountsOfDevice(pid: number, device: string): Promise<string[]> {
  const lines = (await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "")).split("\n");
  return lines.flatMap((line) => {
    const [, , number, , point] = line.split(" ");
    return number === device && point !== undefined ? [unescape(point)] : [];
  });
}

/** Spaces and the like are written as octal codes there. */
function unescape(word: string): string {
  return word.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
}
