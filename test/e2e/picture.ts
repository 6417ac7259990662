import { execa } from "execa";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { expect } from "vitest";
import type { Lab } from "./lab.js";
import type { Answer } from "./trusting-request.js";

/** A picture as a telephone's camera makes it. */
export async function picture() {
  const size = { width: 2000, height: 1500, channels: 3 as const };
  const buffer = await sharp({ create: { ...size, background: "#a01030" } })
    .jpeg()
    .toBuffer();
  return { name: "saree.jpg", mimeType: "image/jpeg", buffer };
}

/** The picture in a list is served as WebP, no wider than a list shows it; in the bucket it is in all widths, and nowhere on the server. */
export async function expectPicture(
  lab: Lab,
  page: Page,
  get: (address: string) => Promise<Answer>,
): Promise<void> {
  const srcset = await page.locator("picture source[type='image/webp']").first().getAttribute("srcset");
  const paths = (srcset ?? "").split(", ").map((candidate) => candidate.split(" ")[0] ?? "");
  expect(paths.map((path) => path.replace(/.*\//, ""))).toEqual(["320.webp", "640.webp"]);
  // The second time nginx has it.
  for (const _time of [1, 2])
    expect(await get(new URL(paths[1] ?? "", page.url()).href)).toMatchObject({
      status: 200,
      headers: { "content-type": "image/webp", "cache-control": "public, max-age=31536000, immutable" },
    });
  const digest = paths[0]?.split("/")[2] ?? "";
  const { stdout } = await execa("find", [lab.folder, "-path", `*/lab-images/${digest}/*`, "-type", "f"]);
  expect(
    stdout
      .split("\n")
      .map((path) => path.replace(/.*\//, ""))
      .toSorted(),
  ).toEqual(["1280.jpg", "1280.webp", "320.jpg", "320.webp", "640.jpg", "640.webp"]);
  const onServer = await lab.dukaan("ssh", "--", `find / -xdev -path "*${digest}*" -not -path "/proc/*"`);
  expect(onServer, onServer.stderr).toMatchObject({ exitCode: 0, stdout: "" });
}
