import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatCursor, parseCursor, toPage, type Cursor } from "../../apps/api/catalogue/cursor.js";

test("a cursor survives its way through an address", () => {
  const cursors = fc.record({
    direction: fc.constantFrom("older" as const, "newer" as const),
    id: fc.integer({ min: 1, max: 999_999_999_999_999 }),
  });
  fc.assert(
    fc.property(cursors, (cursor) => {
      expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
    }),
  );
});

test.each(["", "older", "older-0", "older-01", "older-1x", "older--1", "newer-1234567890123456", "x-1"])(
  "%j is no cursor",
  (text) => {
    expect(parseCursor(text)).toBeUndefined();
  },
);

/** What the database answers to a cursor: nearest rows first, one more than a page. */
function fetch(ids: readonly number[], size: number, cursor: Cursor | undefined): { id: number }[] {
  const descending = ids.toSorted((a, b) => b - a);
  const wanted =
    cursor?.direction === "newer"
      ? descending.filter((id) => id > cursor.id).toReversed()
      : descending.filter((id) => cursor === undefined || id < cursor.id);
  return wanted.slice(0, size + 1).map((id) => ({ id }));
}

test("following the links shows every entry once, there and back", () => {
  const lists = fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 10 }), (ids, size) => {
      const there: number[][] = [];
      let page = toPage(fetch(ids, size, undefined), size, undefined);
      expect(page.newer).toBeUndefined();
      there.push(page.rows.map((row) => row.id));
      while (page.older !== undefined) {
        const cursor = parseCursor(page.older);
        page = toPage(fetch(ids, size, cursor), size, cursor);
        there.push(page.rows.map((row) => row.id));
      }
      expect(there.flat()).toEqual(ids.toSorted((a, b) => b - a));

      const back: number[][] = [page.rows.map((row) => row.id)];
      while (page.newer !== undefined) {
        const cursor = parseCursor(page.newer);
        page = toPage(fetch(ids, size, cursor), size, cursor);
        back.push(page.rows.map((row) => row.id));
      }
      expect(back.toReversed().flat()).toEqual(there.flat());
    }),
  );
});
