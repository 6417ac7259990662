/** Settings that stand in a stack's configuration only while, and because, a command moves its data. Part of ./schema.ts. */
export const setByCommands = {
  joining: {
    description:
      "A stage whose database server is there as well, with a standby. Set by ./dukaan evolve before it moves the database, never by hand.",
    enum: ["droplet", "split"],
  },
  leaving: {
    description:
      "A stage whose database server and whose way in are kept, though both have moved. Set by ./dukaan evolve, never by hand.",
    enum: ["droplet", "split", "fleet"],
  },
  playbook: {
    description:
      "How the database gets to the joining stage: by a standby that takes over, or by a dump while the shop is closed (book). Set by ./dukaan evolve, never by hand.",
    enum: ["standby", "book"],
  },
  changeToken: {
    description: "Allows one change that moves data. Set by commands that move it, never by hand.",
    type: "string",
  },
} as const;
