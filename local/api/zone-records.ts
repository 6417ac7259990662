import { isIPv4, isIPv6 } from "node:net";

/**
 * What the value of a record of each type consists of, in the format of zone files (RFC 1035 §5.1 and the RFC of the
 * type). This catches what people get wrong; the name server itself has the last word.
 */
const fields = {
  ipv4: { what: "an IPv4 address", test: isIPv4 },
  ipv6: { what: "an IPv6 address", test: isIPv6 },
  name: { what: "a host name, absolute ones with a dot at the end", test: (text: string) => isName(text) },
  u8: { what: "a number up to 255", test: (text: string) => isNumber(text, 255) },
  u16: { what: "a number up to 65535", test: (text: string) => isNumber(text, 65_535) },
  u32: { what: "a number of seconds", test: (text: string) => isNumber(text, 4_294_967_295) },
  hex: { what: "hexadecimal digits", test: (text: string) => /^([0-9a-fA-F]{2})+$/.test(text) },
  word: { what: "a word", test: (text: string) => /^[a-zA-Z0-9]+$/.test(text) },
  string: {
    what: "a text in double quotes of at most 255 characters",
    test: (text: string) => /^"(?:[^"\\]|\\.)*"$/.test(text) && text.length <= 257,
  },
  parameter: { what: "a parameter like alpn=h2", test: (text: string) => /^[a-z0-9-]+(=.*)?$/.test(text) },
} as const;

type Field = keyof typeof fields;

/** Types of record sets, and their fields; the last one may be repeated where there is a "…". */
const types = {
  A: ["ipv4"],
  AAAA: ["ipv6"],
  CAA: ["u8", "word", "string"],
  CNAME: ["name"],
  DS: ["u16", "u8", "u8", "hex"],
  HINFO: ["string", "string"],
  HTTPS: ["u16", "name", "parameter", "…"],
  MX: ["u16", "name"],
  NS: ["name"],
  PTR: ["name"],
  RP: ["name", "name"],
  SOA: ["name", "name", "u32", "u32", "u32", "u32", "u32"],
  SRV: ["u16", "u16", "u16", "name"],
  SVCB: ["u16", "name", "parameter", "…"],
  TLSA: ["u8", "u8", "u8", "hex"],
  TXT: ["string", "…"],
} as const satisfies Record<string, readonly (Field | "…")[]>;

export type RecordType = keyof typeof types;
export const recordTypes = Object.keys(types) as RecordType[];

const label = /^(?:\*|[a-zA-Z0-9_]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?)$/;

/** A name in a value: "@", relative, or absolute with a dot at the end; "." alone is "no name". */
function isName(text: string): boolean {
  if (text === "@" || text === ".") return true;
  return (
    text.length <= 254 &&
    text
      .replace(/\.$/, "")
      .split(".")
      .every((part) => label.test(part))
  );
}

const isNumber = (text: string, most: number): boolean => /^\d{1,10}$/.test(text) && Number(text) <= most;

/** A record set's name: "@", or labels in lower case, of which the first may be "*". */
export function isRrsetName(name: string, zone: string): boolean {
  if (name === "@") return true;
  if (name !== name.toLowerCase() || name === zone || name.endsWith(`.${zone}`)) return false;
  const labels = name.split(".");
  const wildcards = labels.slice(1).includes("*");
  return !wildcards && labels.every((part) => label.test(part)) && name.length + zone.length + 1 <= 253;
}

/** Lower case, two labels at least. */
export const isZoneName = (name: string): boolean =>
  name.length <= 253 &&
  /^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])$/.test(name);

/** Words of a value; a quoted text is one. */
const wordsOf = (value: string): string[] => value.match(/"(?:[^"\\]|\\.)*"|[^\s"]+|"/g) ?? [];

/** @param origin what relative names are below, without a dot at the end @returns without one, too */
export function absoluteName(name: string, origin: string): string {
  if (name === "@") return origin;
  if (name.endsWith(".")) return name.slice(0, -1);
  return origin === "" ? name : `${name}.${origin}`;
}

/** A value whose names are relative to another origin than the zone's, with absolute ones. */
export function madeAbsolute(type: RecordType, value: string, origin: string): string {
  const wanted: readonly (Field | "…")[] = types[type];
  const words = wordsOf(value);
  return words
    .map((word, index) => (wanted[index] === "name" ? `${absoluteName(word, origin)}.` : word))
    .join(" ");
}

/** What is wrong with a value, in words; undefined: nothing. */
export function wrongWith(type: RecordType, value: string): string | undefined {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]|;|\(|\)/.test(value.replaceAll(/"(?:[^"\\\u0000-\u001f\u007f]|\\.)*"/g, ""))) {
    return "must be one line without ';' and parentheses";
  }
  const words = wordsOf(value);
  const wanted: readonly (Field | "…")[] = types[type];
  const repeated = wanted.at(-1) === "…";
  const kinds = wanted.filter((field) => field !== "…");
  // Of a repeated field there may be none, except where it is all there is.
  const least = repeated && kinds.length > 1 ? kinds.length - 1 : kinds.length;
  if (words.length < least || (!repeated && words.length > kinds.length)) {
    return `must consist of ${kinds.map((kind) => fields[kind].what).join(", then ")}`;
  }
  for (const [index, word] of words.entries()) {
    const kind = kinds[Math.min(index, kinds.length - 1)];
    if (kind && !fields[kind].test(word)) return `'${word}' must be ${fields[kind].what}`;
  }
  return undefined;
}
