import type { StateResource } from "./recovery/state.js";

/** How the login that the app uses is changed. */
export interface Rotation {
  /** Of the login that the app uses in the end. */
  number: number;
  /** e.g. "shop_2" */
  user: string;
  /** Setting `dukaan:databaseLogins` while both work; absent when the app uses the new one already. */
  both?: number[];
}

const password = /Database\$random:index\/randomPassword:RandomPassword::database-login-(\d+)$/;

/**
 * Plans the change of the database's password: another login with a password of its own takes the place of the first.
 * @param configured the setting `dukaan:databaseLogins`; two of them: a change was begun and is to be finished
 * @param resources of the stack's state; a password of a login that is configured no more: only its end is missing
 */
export function planRotation(configured: readonly number[], resources: readonly StateResource[]): Rotation {
  const [first = 1, ...others] = configured;
  if (others.length > 0) return { number: first, user: `shop_${first}`, both: [first, ...others] };
  const known = resources.flatMap(({ urn }) => {
    const number = password.exec(urn)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  if (known.includes(first) && known.length > 1) return { number: first, user: `shop_${first}` };
  const number = (first % 9999) + 1;
  return { number, user: `shop_${number}`, both: [number, first] };
}
