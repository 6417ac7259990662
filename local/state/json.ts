/** Reads JSON that this program wrote into the state itself; the caller states its type. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function readJson<T>(text: string): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return JSON.parse(text) as T;
}
