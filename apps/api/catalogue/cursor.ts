/**
 * A place in a list that is sorted by position and then by id, both from high to low: the page of entries `older` or
 * `newer` than that one. Lists without positions have 0 everywhere.
 * Keyset paging: a page costs the same at any depth, and entries added meanwhile do not shift it.
 */
export interface Cursor {
  direction: "older" | "newer";
  position: number;
  id: number;
}

/** Form of a cursor in an address; {@link parseCursor} takes nothing else. */
export const CURSOR_PATTERN = "^(older|newer)-([1-9][0-9]{0,3}-)?[1-9][0-9]{0,14}$";

/** A cursor as it stands in an address: `older-1234`, with a position `older-7-1234`. */
export function formatCursor({ direction, position, id }: Cursor): string {
  return position === 0 ? `${direction}-${id}` : `${direction}-${position}-${id}`;
}

/** Reads a cursor; `undefined` when the text is none. */
export function parseCursor(text: string): Cursor | undefined {
  if (!new RegExp(CURSOR_PATTERN).test(text)) return undefined;
  const [direction, ...numbers] = text.split("-");
  const [id = 0, position = 0] = numbers.map(Number).toReversed();
  return { direction: direction === "newer" ? "newer" : "older", position, id };
}

/** One page of a list and the cursors to its neighbours. */
export interface Page<Row> {
  rows: Row[];
  newer?: string;
  older?: string;
}

/**
 * Makes a page from up to `size + 1` rows, fetched in the cursor's direction (nearest first): the extra row only tells
 * that there are more.
 */
export function toPage<Row extends { id: number; position?: number }>(
  fetched: readonly Row[],
  size: number,
  cursor: Cursor | undefined,
): Page<Row> {
  const more = fetched.length > size;
  const rows = fetched.slice(0, size);
  if (cursor?.direction === "newer") rows.reverse();
  const first = rows[0];
  const last = rows.at(-1);
  const hasNewer = cursor?.direction === "newer" ? more : cursor !== undefined;
  const hasOlder = cursor?.direction === "newer" ? true : more;
  const at = (direction: Cursor["direction"], { id, position = 0 }: Row) =>
    formatCursor({ direction, position, id });
  return {
    rows,
    ...(first && hasNewer && { newer: at("newer", first) }),
    ...(last && hasOlder && { older: at("older", last) }),
  };
}
