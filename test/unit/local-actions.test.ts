import { expect, test } from "vitest";
import { Actions, type Job } from "../../local/state/actions.js";
import { State } from "../../local/state/database.js";

const resource = { type: "zone", id: 1 } as const;

async function failing(undo: Job["undo"]): Promise<{ actions: Actions; said: string[]; id: number }> {
  const said: string[] = [];
  const log = { info: () => {}, error: (_: object, message: string) => void said.push(message) };
  const actions = new Actions(new State(":memory:"), log);
  const run = () => Promise.reject(new Error("the computer refuses"));
  actions.use({ change: undo ? { run, undo } : { run } });
  const action = actions.start("change", [resource]);
  await expect.poll(() => actions.get(action.id).status, { timeout: 30_000 }).toBe("error");
  return { actions, said, id: action.id };
}

test("an action that failed and cannot be undone ends all the same, with the reason of its failure", async () => {
  let undone = 0;
  const { actions, said, id } = await failing(() => {
    undone++;
    throw new Error("UNIQUE constraint failed: zones.name");
  });
  expect(undone).toBe(1);
  expect(actions.get(id).error?.message).toBe("the computer refuses");
  expect(actions.runningOn(resource)).toEqual([]);
  expect(said).toContain("what change wrote could not be taken back");
});

test("as long as the disk is full the end of an action is tried to be recorded", async () => {
  let tries = 0;
  const { said } = await failing(() => {
    // As SQLite says it: SQLITE_FULL, or SQLITE_IOERR_WRITE.
    const errcode = [13, 778][tries++];
    if (errcode) throw Object.assign(new Error("database or disk is full"), { errcode });
  });
  expect(tries).toBe(3);
  expect(said).not.toContain("what change wrote could not be taken back");
});
