import type { ProductImage } from "../catalogue/snapshot.js";
import { html } from "../pages/html.js";

/** Formats of a picture's files by ending; browsers take the first that they know. */
export const FORMATS = { webp: "image/webp", jpg: "image/jpeg" } as const;

/** Names of a picture's files. */
export function fileNames(widths: readonly number[]): string[] {
  return widths.flatMap((width) => Object.keys(FORMATS).map((format) => `${width}.${format}`));
}

/** Address of a picture's file on this service. */
export function imagePath(digest: string, width: number, format: keyof typeof FORMATS): string {
  return `/images/${digest}/${width}.${format}`;
}

/** Width of the largest file for a picture in a list: enough for 15rem on a screen of 2.6 pixels a CSS pixel. */
const THUMBNAIL_WIDTH = 640;

/**
 * A picture in a list, in few bytes, because there are dozens of them: nothing that is larger than a list shows, and one
 * JPEG for browsers that know no WebP (before 2020).
 * @param sizes how wide it is shown, as in {@link pictureElement}
 */
export function thumbnail(
  { digest, width, height, widths, alt }: ProductImage,
  sizes: string,
  { lazy }: { lazy: boolean },
): string {
  const folder = html`/images/${digest}/`;
  let candidates = "";
  let largest = 0;
  for (const each of widths) {
    // The smallest one always, however wide it is.
    if (largest > 0 && each > THUMBNAIL_WIDTH) break;
    candidates += `${largest > 0 ? ", " : ""}${folder}${each}.webp ${each}w`;
    largest = each;
  }
  return markup({ width, height, alt }, candidates, html`src="!${folder}${largest}.jpg"`, sizes, lazy);
}

/**
 * A picture: the browser chooses format and width, and knows its shape before it arrives, so nothing on the page moves.
 * @param sizes how wide it is shown, for the browser's choice, e.g. "(min-width: 40rem) 25vw, 50vw"
 * @param options.lazy load it only when it comes near to the visible part of the page
 */
export function pictureElement(
  { digest, width, height, widths, alt }: ProductImage,
  sizes: string,
  { lazy }: { lazy: boolean },
): string {
  const set = (format: keyof typeof FORMATS) =>
    widths.map((each) => `${imagePath(digest, each, format)} ${each}w`).join(", ");
  const fallback = imagePath(digest, widths[Math.min(1, widths.length - 1)] ?? width, "jpg");
  const jpeg = html`src="${fallback}" srcset="${set("jpg")}" sizes="${sizes}"`;
  return markup({ width, height, alt }, html`${set("webp")}`, jpeg, sizes, lazy);
}

/** @param webp addresses of files, escaped; @param jpeg attributes that say where the JPEG is, as markup */
function markup(
  { width, height, alt }: Pick<ProductImage, "width" | "height" | "alt">,
  webp: string,
  jpeg: string,
  sizes: string,
  lazy: boolean,
): string {
  return html`<picture
    ><source type="image/webp" srcset="!${webp}" sizes="${sizes}" />
    <img
      !${jpeg}
      width="${width}"
      height="${height}"
      alt="${alt}"
      !${lazy ? 'loading="lazy"' : ""}
      decoding="async"
  /></picture>`;
}
