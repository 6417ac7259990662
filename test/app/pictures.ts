import { crc32 } from "node:zlib";
import sharp from "sharp";

/** A picture with a red left half and a blue right half. */
export async function halves(
  width: number,
  height: number,
  format: "jpeg" | "png" | "webp" = "jpeg",
): Promise<Buffer> {
  const half = await sharp({
    create: { width: Math.ceil(width / 2), height, channels: 3, background: "#0000ff" },
  })
    .png()
    .toBuffer();
  return await sharp({ create: { width, height, channels: 3, background: "#ff0000" } })
    .composite([{ input: half, left: Math.floor(width / 2), top: 0 }])
    .toFormat(format)
    .toBuffer();
}

/** A PNG that claims a size; what follows its header does not matter. */
export const bomb = (width: number, height: number) => {
  const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(Buffer.concat([Buffer.from("IHDR"), header])));
  return Buffer.concat([png, header, crc, Buffer.from("0000000049444154", "hex"), Buffer.alloc(4)]);
};
/** A WebP that moves. */
export const animation = async () => {
  const frames = await Promise.all(
    ["#f00", "#00f"].map(
      async (background) =>
        await sharp({ create: { width: 32, height: 32, channels: 3, background } })
          .png()
          .toBuffer(),
    ),
  );
  return await sharp(frames, { join: { animated: true } })
    .webp()
    .toBuffer();
};
/** A progressive JPEG of 8.4 million pixels. */
export const interlaced = async () =>
  await sharp({ create: { width: 4000, height: 2100, channels: 3, background: "#888" } })
    .jpeg({ progressive: true })
    .toBuffer();
