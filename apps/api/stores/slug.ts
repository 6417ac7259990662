export const SLUG_MIN = 3;
export const SLUG_MAX = 40;

/** What a slug may be, in words for a form. */
export const SLUG_RULE = `${SLUG_MIN} to ${SLUG_MAX} small letters a–z, digits and single hyphens, such as asha-sarees`;

/** Whether the text can stand in a store's address. */
export function isSlug(text: string): boolean {
  return text.length >= SLUG_MIN && text.length <= SLUG_MAX && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text);
}

/**
 * A slug made from a store's name (`Asha's Sarees & Co.` → `ashas-sarees-co`), or `undefined` when the name has
 * too few Latin letters or digits for one.
 */
export function slugFromName(name: string): string | undefined {
  const slug = slugFromText(name, SLUG_MAX);
  return isSlug(slug) ? slug : undefined;
}

/** The Latin letters and digits of a text as words of an address, at most `maxLength` long; empty when there are none. */
export function slugFromText(text: string, maxLength: number): string {
  return text
    .normalize("NFKD")
    .replaceAll(/[\u0300-\u036f'’]/g, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, maxLength)
    .replace(/-+$/, "");
}
