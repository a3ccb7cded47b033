import { hasCode, type StorageBackend } from "@holdfast/storage";
import type { World } from "@holdfast/test-worlds";
import { expect } from "vitest";
import { checkpointStore, type CheckpointState, type CheckpointStore } from "../../src/index.js";

export const STREAM = "Orders/1";
const KEEP = 2;

/** What was promised to the users of one stream, and what may have been done beside. Values of checkpoints are numbers. */
export class Model {
  /** Of each sequence the values that it may have; more than one while a save is in flight. `undefined`: it may be absent. */
  #possible = new Map<bigint, readonly (number | undefined)[]>();
  #next = 0;

  /** A value that no other checkpoint has. */
  nextValue(): number {
    this.#next += 1;
    return this.#next;
  }

  get sequences(): readonly bigint[] {
    return [...this.#possible.keys()].sort(compare);
  }

  get latest(): bigint {
    return this.sequences.at(-1) ?? 0n;
  }

  value(sequence: bigint): number | undefined {
    return this.#possible.get(sequence)?.at(-1);
  }

  /** Whether the stored ones above it are as many as are kept. */
  isBelowKept(sequence: bigint): boolean {
    return !this.#possible.has(sequence) && this.sequences.filter((it) => it > sequence).length >= KEEP;
  }

  beginSave(sequence: bigint, value: number): void {
    this.#possible.set(sequence, [...(this.#possible.get(sequence) ?? [undefined]), value]);
  }

  endSave(sequence: bigint, value: number): void {
    this.#possible.set(sequence, [value]);
  }

  beginDelete(below: bigint): void {
    for (const [sequence, values] of this.#possible) if (sequence < below) this.#possible.set(sequence, [undefined, ...values]);
  }

  endDelete(below: bigint): void {
    for (const sequence of this.sequences) if (sequence < below) this.#possible.delete(sequence);
  }

  /** Checks what a store shows; from then on it is what was promised. Retention may have removed what lies below those that are kept. */
  shown(found: ReadonlyMap<bigint, number>): void {
    for (const [sequence, value] of found) {
      const possible = this.#possible.get(sequence) ?? [];
      expect({ sequence, value, possible: possible.includes(value) }).toEqual({ sequence, value, possible: true });
    }
    const descending = [...found.keys()].sort(compare).reverse();
    for (const [sequence, values] of this.#possible) {
      const mayBeGone = values.includes(undefined) || descending.filter((it) => it > sequence).length >= KEEP;
      expect({ sequence, isThere: found.has(sequence) || mayBeGone }).toEqual({ sequence, isThere: true });
    }
    this.#possible = new Map(Array.from(found, ([sequence, value]) => [sequence, [value]]));
  }
}

function storeOf({ clock, random }: Pick<World, "clock" | "random">, storage: StorageBackend): CheckpointStore {
  return checkpointStore({ storage, prefix: "checkpoints", keep: KEEP, clock, random });
}

export function stateOf(sequence: bigint, value: number, streamId = STREAM): CheckpointState {
  return {
    id: { streamId, sequence },
    watermarkNs: sequence * 1000n,
    eventCount: sequence,
    operators: new Map([["value", Uint8Array.of(value & 0xff, value >> 8, ...new Uint8Array((value % 7) * 100))]]),
    sources: new Map([["log", sequence + 1n]]),
    metadata: new Map([["made by", `test ${value}`]]),
  };
}

/** The value that a state was made with, after a check that it is whole. */
export function valueOf(state: CheckpointState | undefined): number {
  const [low = 0, high = 0] = state?.operators.get("value") ?? [];
  const value = low + high * 256;
  expect(state).toEqual(stateOf(state?.id.sequence ?? 0n, value));
  return value;
}

/**
 * Goes through a script: `s` save, `S` three at once, `l` one of a lower sequence, `d` the same once more, `x` another one of the same
 * sequence, refused, `r` the same replaced, `b` delete what is below the latest, `B` delete all, `o` close and open, `t` take over from one that is left open,
 * and save with that one.
 */
export async function play(world: World, model: Model, script: string): Promise<void> {
  const storage = await world.open();
  const run = new Run(world, model, storage);
  await run.open();
  for (const word of script) await run.step(word);
  await run.close();
  await storage.close();
}

class Run {
  readonly #world: World;
  readonly #model: Model;
  readonly #storage: StorageBackend;
  #store: CheckpointStore | undefined;

  constructor(world: World, model: Model, storage: StorageBackend) {
    this.#world = world;
    this.#model = model;
    this.#storage = storage;
  }

  async open(): Promise<void> {
    const seen = await contentsOf(storeOf(this.#world, this.#storage));
    this.#store = storeOf(this.#world, this.#storage);
    const { latestSequence } = await this.#store.open(STREAM);
    const found = await contentsOf(this.#store);
    expect(latestSequence).toBe([...found.keys()].at(-1));
    // The owner before may still remove what it does not keep.
    expect([...seen].slice(-KEEP)).toEqual([...found].slice(-KEEP));
    this.#model.shown(found);
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  async step(word: string): Promise<void> {
    const store = this.#store;
    if (store === undefined) throw new Error("it is not open");
    const { latest, sequences } = this.#model;
    const some = sequences[0] ?? latest;
    if (word === "s") await this.#save(store, latest + 10n);
    else if (word === "S") await Promise.all([1n, 2n, 3n].map((more) => this.#save(store, latest + more)));
    else if (word === "l") await this.#save(store, latest > 4n ? latest - 4n : 1n);
    else if (word === "d") await this.#duplicate(store, some);
    else if (word === "x") await this.#refused(store, some);
    else if (word === "r") await this.#save(store, some, "replace");
    else if (word === "b") await this.#delete(store, latest);
    else if (word === "B") await this.#delete(store, latest + 1n);
    else if (word === "o") {
      await this.close();
      await this.open();
    } else if (word === "t") {
      await this.open();
      await expectCode(store.save(stateOf(latest + 50n, this.#model.nextValue())), "CHECKPOINT_FENCED");
      await expectCode(store.save(stateOf(latest + 51n, this.#model.nextValue())), "CHECKPOINT_FENCED");
      await store.close();
    } else throw new Error(`there is no step ${word}`);
    this.#model.shown(await contentsOf(this.#store ?? store));
  }

  async #save(store: CheckpointStore, sequence: bigint, ifExists: "refuse" | "replace" = "refuse"): Promise<void> {
    const value = this.#model.nextValue();
    if (ifExists === "refuse" && this.#model.value(sequence) !== undefined) return;
    const isBelow = this.#model.isBelowKept(sequence);
    if (!isBelow) this.#model.beginSave(sequence, value);
    const result = await store.save(stateOf(sequence, value), { ifExists });
    expect(result).toEqual({ stored: !isBelow, duplicate: false });
    if (!isBelow) this.#model.endSave(sequence, value);
  }

  async #duplicate(store: CheckpointStore, sequence: bigint): Promise<void> {
    const value = this.#model.value(sequence);
    if (value === undefined) return;
    const state = stateOf(sequence, value);
    expect(await store.save(state)).toEqual({ stored: true, duplicate: true });
  }

  async #refused(store: CheckpointStore, sequence: bigint): Promise<void> {
    if (this.#model.value(sequence) === undefined) return;
    await expectCode(store.save(stateOf(sequence, this.#model.nextValue())), "CHECKPOINT_CONFLICT");
  }

  async #delete(store: CheckpointStore, below: bigint): Promise<void> {
    const count = this.#model.sequences.filter((it) => it < below).length;
    this.#model.beginDelete(below);
    expect(await store.deleteBefore(STREAM, below)).toBeLessThanOrEqual(count);
    this.#model.endDelete(below);
  }
}

/** Everything that a store shows of the stream, in the ways there are, which have to agree. */
async function contentsOf(store: CheckpointStore): Promise<ReadonlyMap<bigint, number>> {
  const { checkpoint, skipped } = await store.latest(STREAM);
  const found = new Map<bigint, number>();
  for (const { sequence } of await store.list(STREAM)) {
    const one = await store.get(STREAM, sequence);
    // Retention goes on beside.
    if (one !== undefined) found.set(sequence, valueOf(one.state));
  }
  expect(skipped).toEqual([]);
  const latest = [...found].at(-1);
  expect(checkpoint && [checkpoint.sequence, valueOf(checkpoint.state)]).toEqual(latest);
  return found;
}

export async function expectCode(work: Promise<unknown>, code: string): Promise<void> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(hasCode(error, code), String(error)).toBe(true);
}

function compare(one: bigint, other: bigint): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
