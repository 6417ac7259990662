/** Something that a firewall lets in. */
export interface Opening {
  /** "any" for all of them. */
  protocol: string;
  /** First and last; all of them where none is named. */
  ports: readonly [first: number, last: number];
  /** Ranges of addresses; other groups of machines are none. */
  sources: string[];
}

/** e.g. "tcp 5432", "udp 1-65535" or "everything" */
export function named({ protocol, ports: [first, last] }: Opening): string {
  return protocol === "any" ? "everything" : `${protocol} ${first === last ? first : `${first}-${last}`}`;
}
