import { hash } from "node:crypto";
import { sql, type Transaction } from "kysely";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/tables.js";

/** One rendering of a form that a merchant sent. */
export interface SentForm {
  merchantId: number;
  /** Of its hidden field. */
  key: string;
  /** What was entered, as far as it matters to the result; anything that JSON can express. */
  content: unknown;
}

/** Where the answer leads, or why nothing was changed. `sent-otherwise`: it was applied before, with other content. */
export type Applied<Refusal> = { location: string } | { refusal: Refusal | "sent-otherwise" };

/**
 * Applies a form at most once, however often it is sent: what was sent again leads where the first one led. A second one
 * waits for the first, because both write the same row; a refusal leaves the form unused, to be corrected and sent again.
 */
export async function applyOnce<Refusal>(
  db: Database,
  form: SentForm,
  apply: (transaction: Transaction<Tables>) => Promise<{ location: string } | { refusal: Refusal }>,
): Promise<Applied<Refusal>> {
  const contentHash = Buffer.from(hash("sha256", JSON.stringify(form.content), "hex"), "hex");
  const identity = { merchant_id: form.merchantId, form_key: form.key };
  try {
    return await db.transaction().execute(async (transaction) => {
      const { numInsertedOrUpdatedRows } = await transaction
        .insertInto("submitted_forms")
        .values({ ...identity, content_hash: contentHash, location: "" })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 0n) return await earlierResult(transaction, form, contentHash);
      const outcome = await apply(transaction);
      if ("refusal" in outcome) throw new Refused(outcome.refusal);
      await transaction
        .updateTable("submitted_forms")
        .set({ location: outcome.location })
        .where("merchant_id", "=", form.merchantId)
        .where("form_key", "=", form.key)
        .execute();
      return outcome;
    });
  } catch (error) {
    if (error instanceof Refused) return { refusal: error.refusal as Refusal };
    throw error;
  }
}

async function earlierResult(
  transaction: Transaction<Tables>,
  form: SentForm,
  contentHash: Buffer,
): Promise<{ location: string } | { refusal: "sent-otherwise" }> {
  const earlier = await transaction
    .selectFrom("submitted_forms")
    .select(["location", sql<boolean>`content_hash = ${contentHash}`.as("isSame")])
    .where("merchant_id", "=", form.merchantId)
    .where("form_key", "=", form.key)
    .executeTakeFirstOrThrow();
  return earlier.isSame ? { location: earlier.location } : { refusal: "sent-otherwise" };
}

/** Rolls the transaction back; never leaves this module. */
class Refused extends Error {
  constructor(readonly refusal: unknown) {
    super("refused");
  }
}
