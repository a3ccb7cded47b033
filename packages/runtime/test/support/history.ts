import { hasCode, type StorageBackend } from "@holdfast/storage";
import type { World } from "@holdfast/test-worlds";
import { expect } from "vitest";
import { openRuntimeStore, type RuntimeStore, type RuntimeStoreOptions } from "../../src/index.js";
import { observe, plain, shown, type Model, type PlainMutation } from "./model.js";

export interface OwnEvents {
  readonly tool_called: { readonly tool: string };
}

export interface OwnMessage {
  readonly tokens: number;
}

type Store = RuntimeStore<OwnEvents, OwnMessage>;

/** @param world - Its clock and chance. */
export function optionsOf({ clock, random }: Pick<World, "clock" | "random">, storage: StorageBackend): RuntimeStoreOptions<OwnEvents, OwnMessage> {
  return { storage, runtimeId: "agents", pageBytes: 4096, schemas, clock, random };
}

/** Schemas written by hand: any library's will do. */
export const schemas: NonNullable<RuntimeStoreOptions<OwnEvents, OwnMessage>["schemas"]> = {
  events: {
    tool_called: {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => (hasText(value, "tool") ? { value: { tool: value.tool } } : { issues: [{ message: "no tool", path: ["tool"] }] }),
      },
    },
  },
  message: {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        typeof value === "object" && value !== null && "tokens" in value && typeof value.tokens === "number"
          ? { value: { tokens: value.tokens } }
          : { issues: [{ message: "no tokens" }] },
    },
  },
};

/** How a history opens its runtime. */
export type OpenRuntime = (storage: StorageBackend) => Promise<Store>;

/**
 * Goes through a script: `c` create a worker, `i` input, `p` three inputs at once, `t` a turn of two entries with an event, `u` one without, `e`
 * an own event, `x` stop a worker, `k` cancel one, `d` delete one, `r` trim half of the events, `s` checkpoint, `S` checkpoint with inputs
 * beside it, `l` what is too large between two inputs, `q` requests that are refused, `z` stop the runtime, `o` close and open.
 */
export async function play(world: World, model: Model, script: string, open: OpenRuntime = (storage) => openRuntimeStore(optionsOf(world, storage))): Promise<void> {
  const storage = await world.open();
  const run = new Run(model, () => open(storage));
  await run.open();
  for (const word of script) await run.step(word);
  await run.close();
  await storage.close();
}

class Run {
  readonly #model: Model;
  readonly #open: () => Promise<Store>;
  #store: Store | undefined;
  #turn = 0;

  constructor(model: Model, open: () => Promise<Store>) {
    this.#model = model;
    this.#open = open;
  }

  async open(): Promise<void> {
    this.#store = await this.#open();
    this.#model.opened(await observe(this.#store));
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  async step(word: string): Promise<void> {
    const store = this.#store;
    if (store === undefined) throw new Error("it is not open");
    if (word === "o") {
      await this.close();
      await this.open();
      return;
    }
    await (STEPS[word] ?? unknownStep(word))(this, store);
    expect(shown(await observe(store))).toEqual(shown(this.#model.acknowledged ?? this.#model.pending));
  }

  get isStopped(): boolean {
    return this.#model.pending.status === "stopped";
  }

  /** A worker that runs, another one each time. */
  get runner(): string | undefined {
    return this.#pick("running");
  }

  get goner(): string | undefined {
    return this.#pick("stopped") ?? this.#pick("cancelled");
  }

  #pick(status: string): string | undefined {
    const found = Object.entries(this.#model.pending.workers).filter(([, worker]) => worker.status === status);
    this.#turn += 1;
    return found[this.#turn % found.length]?.[0];
  }

  get content(): string {
    this.#turn += 1;
    return `${"x".repeat(100)} ${this.#turn}`;
  }

  get middle(): bigint {
    const { events, nextEvent } = this.#model.pending;
    return ((events[0]?.id ?? nextEvent) + nextEvent) / 2n;
  }

  /** Nothing of a mutation shows before it is acknowledged. */
  async mutate<T>(store: Store, mutation: PlainMutation, run: () => Promise<T>, check?: (answer: T, next: bigint) => void): Promise<void> {
    const next = this.#model.pending.nextEvent;
    const before = store.cursorNow().nextEventId;
    this.#model.begin(mutation);
    const running = run();
    expect(store.cursorNow().nextEventId).toBe(before);
    const answer = await running;
    this.#model.acknowledge(mutation);
    check?.(answer, next);
  }
}

const STEPS: Readonly<Record<string, (run: Run, store: Store) => Promise<void>>> = {
  c: async (run, store) => {
    if (run.isStopped) return;
    const objective = run.content;
    await run.mutate(
      store,
      plain.create(objective),
      () => store.createWorker({ intent: { kind: "task", objective }, profile: { kind: "runtime_default" } }),
      (worker, next) => {
        expect(worker.lastEventId).toBe(next);
      },
    );
  },
  i: input,
  p: async (run, store) => {
    await Promise.all([input(run, store), input(run, store), input(run, store)]);
  },
  t: (run, store) => turn(run, store, { tool: "grep" }),
  u: (run, store) => turn(run, store, undefined),
  e: async (run, store) => {
    if (run.isStopped) return;
    await run.mutate(
      store,
      plain.own("ls"),
      () => store.appendEvent({ kind: "tool_called", payload: { tool: "ls" }, message: "called" }),
      (id, next) => {
        expect(id).toBe(next);
      },
    );
  },
  x: (run, store) => end(run, store, "stopped"),
  k: (run, store) => end(run, store, "cancelled"),
  d: async (run, store) => {
    const worker = run.goner;
    if (worker !== undefined) await run.mutate(store, plain.delete(worker), () => store.deleteWorker(worker));
  },
  r: async (run, store) => {
    const before = run.middle;
    await run.mutate(store, plain.trim(before), () => store.trimEvents(before));
  },
  s: (_, store) => store.checkpoint(),
  S: async (run, store) => {
    await Promise.all([input(run, store), store.checkpoint(), input(run, store), turn(run, store, { tool: "sed" })]);
  },
  l: async (run, store) => {
    const worker = run.runner;
    if (worker === undefined) return;
    const large = Array.from({ length: 17 }, () => ({ role: "user", content: "x".repeat(2 ** 20) }));
    const before = input(run, store);
    // No commit has room for it, and what comes behind it in the same turn was made for a state that never was.
    const refused = Promise.all([refusedWith("WAL_TOO_LARGE", store.appendTranscript(worker, large)), refusedWith("RUNTIME_CONFLICT", store.sendInput(worker, { role: "user", content: "behind" }))]);
    await Promise.all([before, refused]);
    await input(run, store);
  },
  q: async (run, store) => {
    await refusedWith("RUNTIME_WORKER_NOT_FOUND", store.deleteWorker("worker-none"));
    await refusedWith("RUNTIME_INVALID_ARGUMENT", store.trimEvents(2n ** 64n));
    const code = run.isStopped ? "RUNTIME_STOPPED" : "RUNTIME_INVALID_REQUEST";
    await refusedWith(code, store.createWorker({ intent: { kind: "task", objective: "  " }, profile: { kind: "runtime_default" } }));
    await refusedWith(code, store.sendInput("worker-none", { role: "user", content: "\u2003" }));
  },
  z: async (run, store) => {
    await run.mutate(store, plain.stopAll(), () => store.stopRuntime());
  },
};

async function input(run: Run, store: Store): Promise<void> {
  const worker = run.runner;
  if (worker === undefined) return;
  const content = run.content;
  await run.mutate(
    store,
    plain.input(worker, content),
    () => store.sendInput(worker, { role: "user", content }),
    (receipt, next) => {
      expect(receipt).toMatchObject({ eventId: next, status: "running" });
    },
  );
}

async function turn(run: Run, store: Store, own: OwnEvents["tool_called"] | undefined): Promise<void> {
  const worker = run.runner;
  if (worker === undefined) return;
  const contents = [run.content, ""];
  const entries = contents.map((content) => ({ role: "assistant", content, payload: { tokens: 3 } }));
  await run.mutate(store, plain.turn(worker, contents, { tokens: 3 }, own), () => store.appendTranscript(worker, entries, own && { kind: "tool_called", payload: own }));
}

async function end(run: Run, store: Store, status: "stopped" | "cancelled"): Promise<void> {
  const worker = run.runner;
  if (worker === undefined) return;
  await run.mutate(store, plain.end(worker, status), () => (status === "stopped" ? store.stopWorker(worker) : store.cancelWorker(worker)));
}

function hasText<K extends string>(value: unknown, key: K): value is Record<K, string> {
  return typeof value === "object" && value !== null && key in value && typeof (value as Record<K, unknown>)[key] === "string";
}

function unknownStep(word: string): never {
  throw new Error(`there is no step ${word}`);
}

async function refusedWith(code: string, call: Promise<unknown>): Promise<void> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(hasCode(error, code), String(error)).toBe(true);
}
