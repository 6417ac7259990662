import type { CheckFailure } from "../resource.js";
import { isKnown } from "../values.js";

const day = 24 * 3600 * 1000;

/** What a certificate's outputs are, and the inputs that every kind of certificate has. */
export type IssuedOutputs = { certificate: string; privateKey: string; notAfter: string };
export type ValidityInputs = { commonName: string; validityDays: number };

/** Whether less than a third of a certificate's days is left at `now` (milliseconds). */
export function isDue({ notAfter }: IssuedOutputs, { validityDays }: ValidityInputs, now: number): boolean {
  const left = Date.parse(notAfter) - now;
  return !(left > (validityDays * day) / 3);
}

export function checkValidity({ validityDays, commonName }: ValidityInputs): CheckFailure[] {
  const failures: CheckFailure[] = [];
  if (isKnown(validityDays) && !(validityDays >= 1 && validityDays <= 7300))
    failures.push({ property: "validityDays", reason: "must be 1 to 7300 (20 years)" });
  // RFC 5280, appendix A: ub-common-name.
  if (isKnown(commonName) && !(commonName.length >= 1 && commonName.length <= 64))
    failures.push({ property: "commonName", reason: "must have 1 to 64 characters" });
  return failures;
}

/** One failure for each item of a list that is not right. */
export function checkEach(
  property: string,
  values: string[] | undefined,
  isRight: (text: string) => boolean,
  wanted: string,
): CheckFailure[] {
  if (!Array.isArray(values)) return [];
  return values.flatMap((value, index) =>
    !isKnown(value) || isRight(value)
      ? []
      : [{ property: `${property}[${index}]`, reason: `${value} is not ${wanted}` }],
  );
}
