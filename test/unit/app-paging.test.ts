import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatCursor, parseCursor, toPage, type Cursor } from "../../apps/api/catalogue/cursor.js";
import { pageLinks } from "../../apps/api/catalogue/pages.js";

test("a cursor survives its way through an address", () => {
  const cursors = fc.record({
    direction: fc.constantFrom("older" as const, "newer" as const),
    position: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9_999 })),
    id: fc.integer({ min: 1, max: 999_999_999_999_999 }),
  });
  fc.assert(
    fc.property(cursors, (cursor) => {
      expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
    }),
  );
});

test.each([
  "",
  "older",
  "older-0",
  "older-01",
  "older-1x",
  "older--1",
  "newer-1234567890123456",
  "x-1",
  "older-0-1",
  "older-10000-1",
  "older-1-2-3",
])("%j is no cursor", (text) => {
  expect(parseCursor(text)).toBeUndefined();
});

interface Entry {
  id: number;
  position: number;
}

const byPlace = (a: Entry, b: Entry): number => b.position - a.position || b.id - a.id;

/** What the database answers to a cursor: nearest rows first, one more than a page. */
function fetch(entries: readonly Entry[], size: number, cursor: Cursor | undefined): Entry[] {
  const sorted = entries.toSorted(byPlace);
  const wanted =
    cursor?.direction === "newer"
      ? sorted.filter((entry) => byPlace(entry, cursor) < 0).toReversed()
      : sorted.filter((entry) => cursor === undefined || byPlace(entry, cursor) > 0);
  return wanted.slice(0, size + 1);
}

test("following the links shows every entry once, there and back", () => {
  const entry = fc.record({
    id: fc.integer({ min: 1, max: 10_000 }),
    position: fc.integer({ min: 0, max: 3 }),
  });
  const lists = fc.uniqueArray(entry, { selector: ({ id }) => id, minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 10 }), (entries, size) => {
      const there: Entry[][] = [];
      let page = toPage(fetch(entries, size, undefined), size, undefined);
      expect(page.newer).toBeUndefined();
      there.push(page.rows);
      while (page.older !== undefined) {
        const cursor = parseCursor(page.older);
        page = toPage(fetch(entries, size, cursor), size, cursor);
        there.push(page.rows);
      }
      expect(there.flat()).toEqual(entries.toSorted(byPlace));

      const back: Entry[][] = [page.rows];
      while (page.newer !== undefined) {
        const cursor = parseCursor(page.newer);
        page = toPage(fetch(entries, size, cursor), size, cursor);
        back.push(page.rows);
      }
      expect(back.toReversed().flat()).toEqual(there.flat());
    }),
  );
});

test.each([
  { filter: undefined, older: "/s/shop?page=older-7" },
  { filter: {}, older: "/s/shop?page=older-7" },
  {
    filter: { q: "silk & wool=ü", status: "placed" },
    older: "/s/shop?q=silk+%26+wool%3D%C3%BC&status=placed&page=older-7",
  },
])("links to other pages repeat the filter $filter", ({ filter, older }) => {
  const [link = ""] =
    /(?<=href=")[^"]+/.exec(pageLinks("/s/shop", { rows: [], older: "older-7" }, filter)) ?? [];
  expect(link.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))).toBe(older);
});
