import { setTimeout as sleep } from "node:timers/promises";
import type { State } from "./database.js";
import { readJson } from "./json.js";
import { locking } from "./locking.js";
import { KeyedQueue } from "../queue.js";

export type ResourceType =
  | "server"
  | "network"
  | "firewall"
  | "primary_ip"
  | "volume"
  | "floating_ip"
  | "load_balancer"
  | "certificate"
  | "image"
  | "zone";

export interface ResourceReference {
  id: number;
  type: ResourceType;
}

/** A change that takes time, as the API shows it. */
export interface Action {
  id: number;
  command: string;
  status: "running" | "success" | "error";
  /** Percent. */
  progress: number;
  started: string;
  finished: string | null;
  error: { code: string; message: string } | null;
  resources: ResourceReference[];
}

/** What a job needs besides the state to do its work; kept with the action until it is done. */
export type JobArguments = Record<string, string>;

export interface RunningAction extends Action {
  arguments: JobArguments;
}

/** How one command is carried out. */
export interface Job {
  /**
   * Brings the computer to what the state says. Must be idempotent: after a crash it is run again from the start.
   * What it throws becomes the action's error.
   */
  run(action: RunningAction, progress: (percent: number) => void): Promise<void>;
  /** Takes back what the request wrote into the state, when `run` failed. Runs in the transaction that ends the action. */
  undo?(action: RunningAction): void;
}

interface ActionRow {
  id: number;
  command: string;
  status: Action["status"];
  progress: number;
  started: string;
  finished: string | null;
  error_code: string | null;
  error_message: string | null;
  arguments: string;
}

export interface ActionLog {
  info(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** RFC 3339 in UTC with seconds, as Hetzner writes times. */
export const timestamp = (at = new Date()): string => `${at.toISOString().slice(0, 19)}Z`;

/** How long until what could not be recorded is tried again. */
const RECORD_AGAIN_MS = 1000;

/** SQLITE_BUSY, SQLITE_IOERR, SQLITE_FULL; with more in the bits above them: https://sqlite.org/rescode.html */
const passing = new Set([5, 10, 13]);
const mayPass = (error: unknown): boolean =>
  error instanceof Error &&
  "errcode" in error &&
  typeof error.errcode === "number" &&
  passing.has(error.errcode & 0xff);

/** After this many new actions it is looked for old ones. */
const PRUNE_EVERY = 500;

/**
 * The actions of the cloud: a durable queue. A request writes its change and a running action in one transaction; the
 * action's job then makes the computer agree. Jobs of one server never overlap. Actions that were running when the
 * process died are run again by `resume`.
 */
export class Actions {
  readonly #queue = new KeyedQueue();
  /** Of requests that wait for the actions of a resource. */
  readonly #turns = new KeyedQueue();
  readonly #inFlight = new Map<number, Promise<void>>();
  #jobs: ReadonlyMap<string, Job> = new Map();
  #closed = false;
  #onChange: () => void = () => {};
  #sincePruned = 0;

  constructor(
    private readonly state: State,
    private readonly log: ActionLog,
    /** How many actions are kept at least. */
    private readonly keep = 10_000,
  ) {}

  /** States how each command is carried out. Called once, before the first action. */
  use(jobs: Record<string, Job>): void {
    this.#jobs = new Map(Object.entries(jobs));
  }

  /** States what is to be looked at again whenever an action has ended or {@link changed} is called. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** To be called after a change that is no action. */
  changed(): void {
    if (!this.#closed) this.#onChange();
  }

  /** Records a running action and queues its job behind those of the same server (or else its first resource). */
  start(command: string, resources: ResourceReference[], jobArguments: JobArguments = {}): Action {
    const id = this.#insert(command, "running", resources, jobArguments);
    this.state.afterCommit(() => this.#enqueue(id));
    return this.get(id);
  }

  /** Records an action that is done already. */
  done(command: string, resources: ResourceReference[]): Action {
    const id = this.#insert(command, "success", resources, {});
    this.state.afterCommit(() => this.changed());
    return this.get(id);
  }

  #insert(
    command: string,
    status: "running" | "success",
    resources: ResourceReference[],
    jobArguments: JobArguments,
  ): number {
    return this.state.transaction(() => {
      const id = this.state.newId();
      if (++this.#sincePruned >= PRUNE_EVERY) this.#prune();
      const now = timestamp();
      const finished = status === "success";
      this.state.insert("actions", {
        id,
        command,
        status,
        progress: finished ? 100 : 0,
        started: now,
        finished: finished ? now : null,
        arguments: JSON.stringify(jobArguments),
      });
      for (const [position, resource] of resources.entries()) {
        this.state.insert("action_resources", {
          action_id: id,
          position,
          type: resource.type,
          resource_id: resource.id,
        });
      }
      return id;
    });
  }

  /** Forgets old actions that are finished: nobody asks for them any more, and the state stays small. */
  #prune(): void {
    this.#sincePruned = 0;
    this.state.run(
      `DELETE FROM actions WHERE status <> 'running' AND id <
         (SELECT id FROM actions ORDER BY id DESC LIMIT 1 OFFSET ?)`,
      this.keep,
    );
  }

  /** Runs again whatever was running when the process ended, in the order it was asked for. */
  resume(): void {
    this.#prune();
    for (const { id } of this.state.all<{ id: number }>(
      "SELECT id FROM actions WHERE status = 'running' ORDER BY id",
    )) {
      if (this.#inFlight.has(id)) continue;
      this.log.info({ action: id }, "resuming an interrupted action");
      this.#enqueue(id);
    }
  }

  #enqueue(id: number): void {
    const { resources } = this.get(id);
    const owner = resources.find((resource) => resource.type === "server") ?? resources[0];
    const done = this.#queue
      .run(owner ? `${owner.type}:${owner.id}` : `action:${id}`, () => this.#execute(id))
      .catch((error: unknown) =>
        this.log.error({ err: error, action: id }, "an action could not be recorded"),
      )
      .finally(() => {
        this.#inFlight.delete(id);
        this.changed();
      });
    this.#inFlight.set(id, done);
  }

  async #execute(id: number): Promise<void> {
    // What was not begun stays "running" in the state: the next start of the process takes it up.
    if (this.#closed) return;
    const action = this.#running(id);
    const job = this.#jobs.get(action.command);
    const begin = performance.now();
    try {
      if (!job) throw new Error(`this version does not know the command ${action.command}`);
      await job.run(action, (percent) => {
        this.state.update("actions", id, { progress: percent });
      });
    } catch (error) {
      if (this.#closed) {
        this.log.error({ err: error, action: id }, `${action.command} was interrupted; it will be run again`);
        return;
      }
      await this.#takeBack(action, job, error instanceof Error ? error.message : String(error));
      this.log.error({ err: error, action: id, resources: action.resources }, `${action.command} failed`);
      return;
    }
    await this.#recorded(id, () => this.#finish(id, undefined));
    const milliseconds = Math.round(performance.now() - begin);
    this.log.info({ action: id, resources: action.resources, milliseconds }, `${action.command} done`);
  }

  /**
   * Ends an action that failed, also one that cannot be undone, as when what it took away is somebody else's by now: it
   * would lock its resources for ever.
   */
  async #takeBack(action: RunningAction, job: Job | undefined, message: string): Promise<void> {
    const { id, command, resources } = action;
    try {
      await this.#recorded(id, () =>
        this.state.transaction(() => {
          job?.undo?.(action);
          this.#finish(id, message);
        }),
      );
    } catch (error) {
      if (this.#closed) throw error;
      this.log.error({ err: error, action: id, resources }, `what ${command} wrote could not be taken back`);
      await this.#recorded(id, () => this.#finish(id, message));
    }
  }

  /**
   * Tries as long as nothing can be written, as on a full disk: an action that never ends locks its server.
   *
   * @throws what `write` throws for another reason, which would be the same the next time
   */
  async #recorded(id: number, write: () => void): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return write();
      } catch (error) {
        // Once closed: its next process runs the action again.
        if (this.#closed || !mayPass(error)) throw error;
        if (attempt === 0)
          this.log.error(
            { err: error, action: id },
            "the end of an action could not be recorded; trying again",
          );
        await sleep(RECORD_AGAIN_MS);
      }
    }
  }

  #finish(id: number, error: string | undefined): void {
    this.state.update("actions", id, {
      status: error === undefined ? "success" : "error",
      progress: 100,
      finished: timestamp(),
      error_code: error === undefined ? null : "action_failed",
      error_message: error ?? null,
      arguments: "{}",
    });
  }

  /**
   * Does `work`, which may start an action of the resource, when none is under way there: for what is taken back as a
   * whole when the computer refuses it, so that it takes nobody else's work with it. First come, first served.
   */
  async inTurn<T>(resource: ResourceReference, work: () => T): Promise<T> {
    return this.#turns.run(`${resource.type}:${resource.id}`, async () => {
      for (;;) {
        const pending = this.#runningOn(resource).flatMap(({ id }) => this.#inFlight.get(id) ?? []);
        if (pending.length === 0) return work();
        await Promise.all(pending);
      }
    });
  }

  /** Runs `task` in the order of a resource's actions, without recording one. */
  inOrder<T>(resource: ResourceReference, task: () => Promise<T>): Promise<T> {
    return this.#queue.run(`${resource.type}:${resource.id}`, task);
  }

  /**
   * Waits until the actions are finished, but no longer than that; returns them as they are then. Most changes are made
   * within a few milliseconds: their client is spared a second request.
   */
  async settle(actions: Action[], milliseconds: number): Promise<Action[]> {
    const pending = actions.flatMap((action) => this.#inFlight.get(action.id) ?? []);
    if (pending.length > 0) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, milliseconds);
      });
      await Promise.race([Promise.all(pending), late]);
      clearTimeout(timer);
    }
    return actions.map((action) => this.get(action.id));
  }

  /** Whether an action that excludes others runs on the server. */
  isLocked(serverId: number): boolean {
    return this.runningOn({ type: "server", id: serverId }).some((command) => locking.has(command));
  }

  #runningOn({ type, id }: ResourceReference): { id: number; command: string }[] {
    return this.state.all(
      `SELECT id, command FROM actions JOIN action_resources ON action_id = id
       WHERE status = 'running' AND type = ? AND resource_id = ?`,
      type,
      id,
    );
  }

  /** Commands of the actions that run on the resource. */
  runningOn(resource: ResourceReference): string[] {
    return this.#runningOn(resource).map(({ command }) => command);
  }

  /** @throws Error when there is no such action. */
  get(id: number): Action {
    const { arguments: _, ...action } = this.#running(id);
    return action;
  }

  find(id: number): Action | undefined {
    const known = this.state.get("SELECT 1 FROM actions WHERE id = ?", id);
    return known ? this.get(id) : undefined;
  }

  /** Ids of all actions of a kind of resource, or of one resource; oldest first. */
  idsOf(type: ResourceType, resourceId?: number): number[] {
    const rows = this.state.all<{ id: number }>(
      `SELECT DISTINCT action_id AS id FROM action_resources
       WHERE type = ? AND (? IS NULL OR resource_id = ?) ORDER BY action_id`,
      type,
      resourceId ?? null,
      resourceId ?? null,
    );
    return rows.map((row) => row.id);
  }

  #running(id: number): RunningAction {
    const row = this.state.get<ActionRow>("SELECT * FROM actions WHERE id = ?", id);
    if (!row) throw new Error(`there is no action ${id}`);
    const resources = this.state.all<ResourceReference>(
      "SELECT resource_id AS id, type FROM action_resources WHERE action_id = ? ORDER BY position",
      id,
    );
    return {
      id: row.id,
      command: row.command,
      status: row.status,
      progress: row.progress,
      started: row.started,
      finished: row.finished,
      error: row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? "" },
      // Rows of node:sqlite have no prototype; the API's own objects do.
      resources: resources.map(({ id: resourceId, type }) => ({ id: resourceId, type })),
      arguments: readJson<JobArguments>(row.arguments),
    };
  }

  /** Begins no further job and waits for those that run. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#inFlight.values());
  }
}
