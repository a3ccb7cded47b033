import { hasCode, type StorageBackend } from "@holdfast/storage";
import type { World } from "@holdfast/test-worlds";
import { expect } from "vitest";
import { openStateStore, snapshotStore, type StateStore, type StateStoreOptions } from "../../src/index.js";

/** An event of the histories: a number, and bytes around it. */
export interface Event {
  readonly n: number;
  readonly pad: string;
}

/** The state of the histories: the numbers of all events, in order. */
export type Numbers = readonly number[];

/**
 * What users of one store were promised: a plain array that the reducer is applied to, and the commits, whole, that may have been written
 * behind it.
 */
export class Model {
  acknowledged: Numbers = [];
  /** In the order of their calls. */
  inFlight: Numbers[] = [];
  #next = 0;

  /** A number that no other event has. */
  next(): number {
    this.#next += 1;
    return this.#next;
  }

  begin(numbers: Numbers): void {
    this.inFlight.push(numbers);
  }

  acknowledge(numbers: Numbers): void {
    expect(this.inFlight[0]).toBe(numbers);
    this.inFlight.shift();
    this.acknowledged = [...this.acknowledged, ...numbers];
  }

  /** Checks what an opening shows; from then on it is what was promised. */
  opened(state: Numbers): void {
    const possible = [this.acknowledged];
    for (const numbers of this.inFlight) possible.push([...(possible.at(-1) ?? []), ...numbers]);
    expect(possible).toContainEqual(state);
    this.acknowledged = state;
    this.inFlight = [];
  }
}

const PREFIX = "numbers";
const REFUSED = -1;

/** @param world - Its clock and chance. */
export function optionsOf({ clock, random }: Pick<World, "clock" | "random">, storage: StorageBackend): StateStoreOptions<Numbers, Event> {
  return {
    storage,
    prefix: PREFIX,
    initial: [],
    apply(state, { n }) {
      if (n === REFUSED) throw new RangeError("refused");
      return [...state, n];
    },
    snapshot: { keep: 2, everyBytes: 1024 },
    log: { segmentBytes: 16_384, maxCommitBytes: 4096, packObjects: 3 },
    development: true,
    clock,
    random,
  };
}

/**
 * Goes through a script: `c` commit, `p` three commits at once, `b` a batch, `r` a refused event between two others, `u` update, `s` snapshot,
 * `S` snapshot with commits beside it, `l` an event that is too large between two others, `o` close and open.
 */
export async function play(world: World, model: Model, script: string): Promise<void> {
  const storage = await world.open();
  const run = new Run(model, () => openStateStore(optionsOf(world, storage)));
  await run.open();
  for (const word of script) await run.step(word);
  await run.close();
  await storage.close();
}

class Run {
  readonly #model: Model;
  readonly #open: () => Promise<StateStore<Numbers, Event>>;
  #store: StateStore<Numbers, Event> | undefined;

  constructor(model: Model, open: () => Promise<StateStore<Numbers, Event>>) {
    this.#model = model;
    this.#open = open;
  }

  async open(): Promise<void> {
    const store = await this.#open();
    this.#store = store;
    expect(store.state).toHaveLength(store.seq);
    this.#model.opened(store.state);
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  async step(word: string): Promise<void> {
    const store = this.#store;
    if (store === undefined) throw new Error("it is not open");
    if (word === "c") await this.#commit(store);
    else if (word === "p") await Promise.all([this.#commit(store), this.#commit(store), this.#commit(store)]);
    else if (word === "b") await this.#batch(store);
    else if (word === "r") await Promise.all([this.#commit(store), refused(store, { n: REFUSED, pad: "" }, "STATE_EVENT_REJECTED"), this.#commit(store)]);
    else if (word === "l") await this.#tooLarge(store);
    else if (word === "u") await this.#update(store);
    else if (word === "s") await this.#snapshot(store);
    else if (word === "S") await Promise.all([this.#commit(store), this.#snapshot(store), this.#commit(store), this.#batch(store)]);
    else if (word === "o") {
      await this.close();
      await this.open();
    } else throw new Error(`there is no step ${word}`);
    expect(this.#store?.state).toEqual(this.#model.acknowledged);
  }

  async #commit(store: StateStore<Numbers, Event>): Promise<void> {
    const numbers = [this.#model.next()];
    this.#model.begin(numbers);
    const seq = await store.commit(eventOf(numbers[0]));
    this.#acknowledge(store, numbers, seq);
  }

  async #batch(store: StateStore<Numbers, Event>): Promise<void> {
    const numbers = [this.#model.next(), this.#model.next(), this.#model.next()];
    this.#model.begin(numbers);
    const { first, last } = await store.commitBatch(numbers.map(eventOf));
    expect(last).toBe(first + 2);
    this.#acknowledge(store, numbers, last);
  }

  async #update(store: StateStore<Numbers, Event>): Promise<void> {
    const numbers = [this.#model.next()];
    this.#model.begin(numbers);
    const seq = await store.update((pending) => {
      expect(pending).toEqual(this.#model.acknowledged);
      return eventOf(numbers[0]);
    });
    this.#acknowledge(store, numbers, seq ?? 0);
  }

  async #tooLarge(store: StateStore<Numbers, Event>): Promise<void> {
    const before = this.#commit(store);
    const large = refused(store, { n: 0, pad: "x".repeat(5000) }, "WAL_TOO_LARGE");
    const behind = refused(store, eventOf(0), "STATE_CONFLICT");
    await Promise.all([before, large, behind]);
    await this.#commit(store);
  }

  async #snapshot(store: StateStore<Numbers, Event>): Promise<void> {
    const { seq } = store;
    const snapshot = await store.snapshot();
    expect(snapshot?.seq ?? 0).toBeGreaterThanOrEqual(seq);
  }

  #acknowledge(store: StateStore<Numbers, Event>, numbers: Numbers, seq: number): void {
    this.#model.acknowledge(numbers);
    // Others that are durable as well may have been told already; this one is.
    expect(store.state.slice(0, seq)).toEqual(this.#model.acknowledged);
    expect(seq).toBe(this.#model.acknowledged.length);
  }
}

/** Whichever of the kept snapshots cannot be read, the ones before it and the log make the same state. */
export async function checkFallback(world: World, model: Model): Promise<void> {
  const storage = await world.open();
  const newest = [];
  for await (const entry of snapshotStore({ storage, prefix: PREFIX }).list()) newest.unshift(entry);
  for (const entry of newest.slice(0, 1)) {
    const bytes = await storage.read(entry.key);
    if (bytes === undefined) throw new Error(`${entry.key} is gone`);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x10;
    await storage.replace(entry.key, bytes);
  }
  const store = await openStateStore(optionsOf(world, storage));
  expect(store.state).toEqual(model.acknowledged);
  expect(store.health.snapshotsSkipped).toHaveLength(Math.min(1, newest.length));
  await store.close();
  await storage.close();
}

function eventOf(n: number | undefined): Event {
  return { n: n ?? 0, pad: "x".repeat(150) };
}

async function refused(store: StateStore<Numbers, Event>, event: Event, code: string): Promise<void> {
  const error: unknown = await store.commit(event).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(hasCode(error, code), String(error)).toBe(true);
}
