// Stands in a bundle for modules that a dependency imports but that this service never calls.

const absent = (): never => {
  throw new Error("This function is not part of the bundle");
};

/** Loads TypeScript migrations. */
export const createJiti = () => ({ import: absent });

/** Expands file patterns. */
export const glob = absent;
