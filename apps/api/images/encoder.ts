import { spawn } from "node:child_process";
import { hash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { Problem } from "../http/problem.js";
import { reencodeProgram } from "../release-files.js";

/** A picture as it is stored: the same pixels in several widths and formats, and nothing else of what was uploaded. */
export interface EncodedPicture {
  /** SHA-256 of all files (its first half, hex): equal pictures have equal names. */
  digest: string;
  /** Of the largest file, in pixels. */
  width: number;
  height: number;
  /** From small to large, in pixels; each in every format. */
  widths: number[];
  files: PictureFile[];
}

export interface PictureFile {
  /** e.g. "640.webp" */
  name: string;
  contentType: "image/webp" | "image/jpeg";
  content: Buffer;
}

/** Uploads under way: one picture that is being re-encoded, two that are read or wait. Each is held in memory, 10 MB at most. */
const PLACES = 3;
/** What one may take, in milliseconds; two seconds are usual on the smallest server. */
const TIME_LIMIT = 20_000;

/** What is said about each reason for which the program in reencode.ts refuses a picture. */
const REFUSALS = {
  "not-a-picture": "This file is no JPEG, PNG or WebP picture.",
  animated: "This picture moves. Please take one that stands still.",
  "too-many-pixels":
    "This picture has too many pixels: at most 25 million, or 8 million if it is a progressive JPEG or interlaced PNG.",
  "too-narrow": "This picture is too narrow: each side needs 16 pixels, and none may be ten times the other.",
  broken: "This picture is damaged and cannot be read to the end.",
} as const;

/** The picture cannot be taken; the message is for its sender. */
export class PictureRefused extends Error {
  override name = "PictureRefused";
}

/**
 * Re-encodes pictures in a child process, one at a time. The child is the first to go when memory is short: then that
 * picture fails, and the service goes on.
 */
export class Encoder {
  #taken = 0;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Takes a place for an upload; to be asked before anything of it is read.
   * @throws Problem 503 when there is none
   */
  takePlace(): Place {
    if (this.#taken >= PLACES)
      throw new Problem(
        503,
        "pictures-busy",
        "Many pictures arrive at the moment. Please try again shortly.",
        {
          retryAfter: 10,
        },
      );
    return new Place((change) => (this.#taken += change));
  }

  /** @throws PictureRefused */
  async encode(picture: Buffer): Promise<EncodedPicture> {
    const turn = this.#last.then(async () => await reencode(picture));
    this.#last = turn.catch(() => undefined);
    return await turn;
  }
}

/**
 * Room for one upload, free again when nothing holds it: neither the connection nor work for it, which goes on when the
 * sender has gone.
 */
export class Place {
  readonly #count: (change: 1 | -1) => void;
  #holders = 0;

  /** It is held once, until {@link letGo}. */
  constructor(count: (change: 1 | -1) => void) {
    this.#count = count;
    this.#hold();
  }

  /** Holds the place while something is done for the upload. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#hold();
    try {
      return await work();
    } finally {
      this.letGo();
    }
  }

  letGo(): void {
    if (--this.#holders === 0) this.#count(-1);
  }

  #hold(): void {
    if (this.#holders++ === 0) this.#count(1);
  }
}

async function reencode(picture: Buffer): Promise<EncodedPicture> {
  const heap = ["--max-old-space-size=32", "--max-semi-space-size=1"];
  const child = spawn(process.execPath, [...heap, reencodeProgram], {
    // Nothing of the service's own: its environment holds secrets. One arena and one thread halve what malloc keeps.
    env: { MALLOC_ARENA_MAX: "1", UV_THREADPOOL_SIZE: "1" },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: TIME_LIMIT,
    killSignal: "SIGKILL",
  });
  // It may end before it has read everything.
  child.stdin.on("error", () => undefined);
  child.stdin.end(picture);
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? code ?? 0));
  });
  const [output, complaints, end] = await Promise.all([buffer(child.stdout), buffer(child.stderr), ended]);
  // SIGKILL comes from the kernel or the time limit, SIGABRT from V8 when its heap is full; a library that crashes on a
  // picture will do so again.
  if (typeof end === "string")
    throw new PictureRefused(
      "This picture takes more memory or time than there is. Please make it smaller and try again.",
    );
  if (end !== 0) throw new Error(`re-encoding ended with ${end}: ${complaints.toString().slice(-2000)}`);
  return parseAnswer(output);
}

type Answer =
  | { refused: keyof typeof REFUSALS }
  | { width: number; height: number; files: { width: number; format: "webp" | "jpg"; bytes: number }[] };

function parseAnswer(output: Buffer): EncodedPicture {
  let at = 4 + output.readUInt32BE(0);
  const said: Answer = JSON.parse(output.toString("utf8", 4, at));
  if ("refused" in said) throw new PictureRefused(REFUSALS[said.refused]);
  const digest = hash("sha256", output.subarray(at), "hex").slice(0, 32);
  const files = said.files.map(({ width, format, bytes }): PictureFile => {
    const content = output.subarray(at, (at += bytes));
    const contentType = format === "webp" ? "image/webp" : "image/jpeg";
    return { name: `${width}.${format}`, contentType, content };
  });
  const widths = [...new Set(said.files.map(({ width }) => width))];
  return { digest, width: said.width, height: said.height, widths, files };
}
