// A picture comes in on standard input; what is to be stored of it goes out on standard output. A process of its own for
// each: pictures are hostile until proven otherwise, and decoding takes memory that the service must not lack. Started
// with an empty environment; imports nothing of the service, so that it also runs without being bundled.
//
// Output: the length of the following JSON (4 bytes, big-endian), an Answer as JSON, and the files one after another.
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { buffer } from "node:stream/consumers";
import sharp from "sharp";

/** Why a picture is not taken. */
type Refusal = "not-a-picture" | "animated" | "too-many-pixels" | "too-narrow" | "broken";

type Answer =
  | { refused: Refusal }
  | { width: number; height: number; files: { width: number; format: "webp" | "jpg"; bytes: number }[] };

/** Pixels of a picture: twice what a telephone's camera makes unless told to. */
const MAX_PIXELS = 25_000_000;
/** Of one that comes in several passes (progressive JPEG, interlaced PNG): all of it is in memory, at 6 to 10 bytes each. */
const MAX_INTERLACED_PIXELS = 8_000_000;
/** Widths of the files, in pixels; a smaller picture is not enlarged. */
const WIDTHS = [320, 640, 1280];
/** No page has a place for more. */
const MAX_HEIGHT = 1_920;
/** A side of a picture that shows anything, in pixels. */
const MIN_SIDE = 16;

protectTheOthers();
sharp.cache(false);
sharp.concurrency(1);
// The formats that are decoded, and no others, whatever libvips could do.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["VipsForeignLoadJpegBuffer", "VipsForeignLoadPngBuffer", "VipsForeignLoadWebpBuffer"],
});

const input = await buffer(process.stdin);
const refused = refusal(input) ?? (await tooLarge(input));
if (refused) answer({ refused }, []);
else await reencode(input);

/** The kernel takes this process first when memory is short, and gives it a processor when nobody else wants it. */
function protectTheOthers(): void {
  setPriority(10);
  // Linux only; elsewhere nothing runs but a developer's trial.
  if (process.platform === "linux") writeFileSync("/proc/self/oom_score_adj", "1000");
}

/** By what the bytes say, never by a name. */
function refusal(bytes: Buffer): Refusal | undefined {
  if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return undefined;
  if (bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex")))
    return hasChunk(bytes, "acTL") ? "animated" : undefined;
  // Bit 1 of the flags of the extended header: https://developers.google.com/speed/webp/docs/riff_container
  if (bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP")
    return bytes.toString("latin1", 12, 16) === "VP8X" && ((bytes[20] ?? 0) & 2) !== 0
      ? "animated"
      : undefined;
  return "not-a-picture";
}

/** Whether a PNG has a chunk before its pixels. */
function hasChunk(png: Buffer, wanted: string): boolean {
  for (let at = 8; at + 8 <= png.length;) {
    const type = png.toString("latin1", at + 4, at + 8);
    if (type === wanted) return true;
    if (type === "IDAT") return false;
    at += 12 + png.readUInt32BE(at);
  }
  return false;
}

/** Reads the header only. */
async function tooLarge(bytes: Buffer): Promise<Refusal | undefined> {
  try {
    const {
      width,
      height,
      pages = 1,
      isProgressive,
    } = await sharp(bytes, { limitInputPixels: false }).metadata();
    if (pages > 1) return "animated";
    if (width * height > (isProgressive ? MAX_INTERLACED_PIXELS : MAX_PIXELS)) return "too-many-pixels";
    // A line is no picture.
    const [short, long] = width < height ? [width, height] : [height, width];
    return short < MIN_SIDE || long > short * 10 ? "too-narrow" : undefined;
  } catch {
    return "broken";
  }
}

async function reencode(bytes: Buffer): Promise<void> {
  let picture;
  try {
    // Decoded once, to the largest size; nothing of the picture but its pixels goes on: no EXIF, no place, no profile.
    picture = await sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: "error" })
      .autoOrient()
      .resize({ width: WIDTHS.at(-1)!, height: MAX_HEIGHT, fit: "inside", withoutEnlargement: true })
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
  } catch {
    answer({ refused: "broken" }, []);
    return;
  }
  const { data, info } = picture;
  const { width, height, channels } = info;
  const widths = [...WIDTHS.filter((candidate) => candidate < width), width];
  const files: { width: number; format: "webp" | "jpg"; content: Buffer }[] = [];
  for (const size of widths) {
    const scaled = sharp(data, { raw: { width, height, channels } }).resize({ width: size });
    files.push({
      width: size,
      format: "webp",
      content: await scaled.clone().webp({ quality: 78 }).toBuffer(),
    });
    const opaque = scaled.flatten({ background: "#ffffff" });
    const content = await opaque.jpeg({ quality: 80, progressive: true }).toBuffer();
    files.push({ width: size, format: "jpg", content });
  }
  answer(
    { width, height, files: files.map(({ content, ...file }) => ({ ...file, bytes: content.length })) },
    files.map(({ content }) => content),
  );
}

function answer(said: Answer, contents: readonly Buffer[]): void {
  const json = Buffer.from(JSON.stringify(said));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  process.stdout.write(Buffer.concat([length, json, ...contents]));
}
