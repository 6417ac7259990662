import { invalidInput } from "./errors.js";
import type { RrsetInput } from "./zone-changes.js";
import { absoluteName, madeAbsolute, recordTypes, wrongWith, type RecordType } from "./zone-records.js";
import { leastTtl, mostTtl, type RecordValue } from "./zone-rows.js";

/** A record set, and the line of the file in which its first record begins. */
export interface LocatedRrset {
  line: number;
  rrset: RrsetInput;
}

/** How many wrong lines are told at once; and how long a comment may be, as everywhere in the API. */
const MOST_PROBLEMS = 20;
const LONGEST_COMMENT = 255;

/** What is wrong with an entry, in words. */
class Wrong extends Error {}

/**
 * Reads a zone file (RFC 1035 §5.1; $TTL: RFC 2308 §4). Nothing in it is passed over: what cannot be a record of the
 * zone is refused. Of records with the same name and type the first one's TTL is that of all.
 *
 * @param zone its name, without a dot at the end
 * @throws ApiError invalid_input of the field `zonefile` that names each wrong line
 */
export function readZoneFile(text: string, zone: string): LocatedRrset[] {
  const reader = new Reader(zone);
  const found = new Map<string, LocatedRrset>();
  const problems: string[] = [];
  for (const entry of entriesOf(text)) {
    try {
      const read = reader.read(entry);
      if (!read) continue;
      const { record, ...set } = read;
      const key = `${set.name}/${set.type}`;
      const known = found.get(key) ?? { line: entry.line, rrset: { ...set, records: [] } };
      known.rrset.records.push(record);
      found.set(key, known);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      problems.push(`line ${entry.line}: ${error.message}`);
    }
  }
  if (problems.length === 0) return [...found.values()];
  const rest = problems.splice(MOST_PROBLEMS).length;
  throw invalidInput({ zonefile: rest > 0 ? [...problems, `and so on in ${rest} more lines`] : problems });
}

/** What makes a record, or a directive: a line, or several that parentheses make one. */
interface Entry {
  line: number;
  /** It begins with a blank: its name is that of the record before. */
  indented: boolean;
  words: string[];
  /** Of an entry of one line: comments within parentheses are about parts of the value. */
  comment?: string;
  /** Why it could not be taken apart. */
  problem?: string;
}

/** End of line, blanks, parentheses, comment, quoted text, word; and what is none of these. */
const TOKEN = /\n|[ \t\r]+|[()]|;.*|"(?:[^"\\\n]|\\.)*"|(?:[^ \t\r\n"();\\]|\\.)+|./g;

function* entriesOf(text: string): Generator<Entry> {
  let line = 1;
  let depth = 0;
  let entry: Entry | undefined;
  for (const [token] of `${text}\n`.matchAll(TOKEN)) {
    if (token === "\n") {
      line++;
      if (depth > 0) continue;
      if (entry && (entry.words.length > 0 || entry.problem)) yield entry;
      entry = undefined;
      continue;
    }
    entry ??= { line, indented: /^[ \t\r]/.test(token), words: [] };
    if (token === "(") depth++;
    else if (token === ")" && depth > 0) depth--;
    else if (token === ")") entry.problem = "a parenthesis ends that did not begin";
    else if (token === '"') entry.problem = "a text in double quotes does not end on its line";
    else if (token === "\\") entry.problem = "a '\\' has nothing after it";
    else if (token.startsWith(";")) {
      if (entry.line === line) entry.comment = token.slice(1);
    } else if (!/^[ \t\r]/.test(token)) entry.words.push(token);
  }
  if (entry) yield { ...entry, problem: "a parenthesis does not end" };
}

/** What the records of a file have from the lines before them. */
class Reader {
  readonly #zone: string;
  /** Without a dot at the end; what relative names are below. */
  #origin: string;
  #ttl: number | null = null;
  #owner: string | undefined;

  constructor(zone: string) {
    this.#zone = zone;
    this.#origin = zone;
  }

  /** The record that an entry is; undefined: a directive. @throws Wrong */
  read(entry: Entry) {
    if (entry.problem !== undefined) throw new Wrong(entry.problem);
    const [first = ""] = entry.words;
    if (!first.startsWith("$") || entry.indented) return this.#record(entry);
    this.#direct(first, entry.words.slice(1));
    return undefined;
  }

  #direct(directive: string, [value = "", ...more]: string[]): void {
    const kind = directive.toUpperCase();
    if (kind !== "$ORIGIN" && kind !== "$TTL") {
      throw new Wrong(`'${directive}' is not possible here, only $ORIGIN and $TTL`);
    }
    if (value === "" || more.length > 0) throw new Wrong(`${kind} must have one value`);
    if (kind === "$TTL") this.#ttl = seconds(value);
    else this.#origin = absoluteName(value.toLowerCase(), this.#origin);
  }

  #record({ words: all, indented, comment }: Entry) {
    const words = [...all];
    const take = (pattern: RegExp) => (pattern.test(words[0] ?? "") ? words.shift() : undefined);
    if (!indented) this.#owner = absoluteName((words.shift() ?? "").toLowerCase(), this.#origin);
    if (this.#owner === undefined) throw new Wrong("no record with a name is before it");
    // In either order.
    const before = take(TTL);
    const zoneClass = take(CLASS) ?? "IN";
    const ttl = before ?? take(TTL);
    if (zoneClass.toUpperCase() !== "IN") throw new Wrong(`the class ${zoneClass} is not possible, only IN`);
    const type = requireType(words.shift());
    const value = words.join(" ");
    const wrong = wrongWith(type, value);
    if (wrong !== undefined) throw new Wrong(`${type}: ${wrong}`);
    const record: RecordValue = {
      value: this.#origin === this.#zone ? value : madeAbsolute(type, value, this.#origin),
    };
    const said = readComment(comment);
    if (said !== "") record.comment = said;
    return {
      name: this.#inZone(this.#owner),
      type,
      ttl: ttl === undefined ? this.#ttl : seconds(ttl),
      record,
    };
  }

  #inZone(name: string): string {
    if (name === this.#zone) return "@";
    if (name.endsWith(`.${this.#zone}`)) return name.slice(0, -this.#zone.length - 1);
    throw new Wrong(`the name '${name}.' is not in the zone ${this.#zone}`);
  }
}

/** Seconds, or numbers with units, as most name servers write them. */
const TTL = /^(\d+[smhdw]?)+$/i;
const CLASS = /^(IN|CH|HS|CS)$/i;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

function seconds(text: string): number {
  if (!TTL.test(text)) throw new Wrong(`'${text}' must be a number of seconds`);
  const parts = [...text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g)];
  const sum = parts.reduce((all, [, count, unit = ""]) => all + Number(count) * (UNITS[unit] ?? 1), 0);
  if (sum >= leastTtl && sum <= mostTtl) return sum;
  throw new Wrong(`the TTL ${text} must be ${leastTtl} to ${mostTtl} seconds`);
}

function requireType(word: string | undefined): RecordType {
  const type = recordTypes.find((one) => one === word?.toUpperCase());
  if (type) return type;
  throw new Wrong(
    word === undefined
      ? "it has no record type"
      : `'${word}' is not a possible record type: those are ${recordTypes.join(", ")}`,
  );
}

function readComment(comment = ""): string {
  // oxlint-disable-next-line no-control-regex
  const plain = comment.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim();
  if (plain.length <= LONGEST_COMMENT) return plain;
  throw new Wrong(`its comment must have ${LONGEST_COMMENT} characters at most`);
}
