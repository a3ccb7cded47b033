import { hasCode, memoryBackend, memoryDisk, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary, SimDisk, seededRandom, virtualClock } from "@holdfast/storage-sim";
import { inSteps } from "@holdfast/test-worlds";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkpointStore, type CheckpointStore } from "../src/index.js";
import { stateOf, STREAM, valueOf } from "./support/history.js";

/*
 * A directory has no lock on its streams: as everywhere, whoever opens a stream takes it over. Some processes do so at once and save, in every order
 * of their calls to the storage: nobody is told that a checkpoint is saved which a later owner does not see.
 */

type Call = readonly ["new" | "again" | "other" | "delete", number];

const calls: fc.Arbitrary<readonly Call[]> = fc.array(fc.tuple(fc.constantFrom("new", "new", "again", "other", "delete"), fc.nat(3)), { minLength: 1, maxLength: 4 });

const kinds: readonly (readonly [string, () => () => Promise<StorageBackend>])[] = [
  [
    "a simulated directory",
    () => {
      const clock = virtualClock();
      const disk = new SimDisk({ profile: "posix", adversary: mildAdversary });
      let processes = 0;
      return () => fsBackend({ root: "/data", port: disk.process().port, clock, random: seededRandom((processes += 1)) });
    },
  ],
  [
    "memory without append",
    () => {
      const disk = memoryDisk();
      return () => Promise.resolve(memoryBackend({ disk, appendable: false }));
    },
  ],
];

describe.each(kinds)("on %s", (_, newPlace) => {
  it("what an owner is told is saved is there for those who come later", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.tuple(fc.nat(30), calls), { minLength: 2, maxLength: 4 }), async (scheduler, scripts) => {
        const place = newPlace();
        const told = new Told();
        const lives = scripts.map(async ([turnsBefore, script], index) => {
          for (let turns = turnsBefore; turns > 0; turns -= 1) await scheduler.schedule(Promise.resolve(), "waits");
          await live(`${index}`, script, () => place().then((storage) => inTurns(storage, scheduler)), told);
        });
        const all = Promise.all(lives);
        await scheduler.waitFor(all);
        const last = checkpointStore({ storage: await place(), prefix: "c", keep: Infinity, random: seededRandom(99) });
        await last.open(STREAM);
        told.requireSeen(await shown(last), Infinity, "the last one");
        await last.close();
      }),
      { numRuns: 100 },
    );
  });
});

it.each(kinds)("an owner that was superseded is not told that what it saves once more is saved, on %s", async (_, newPlace) => {
  const place = newPlace();
  const own = async (seed: number): Promise<CheckpointStore> => {
    const store = checkpointStore({ storage: await place(), prefix: "c", keep: Infinity, random: seededRandom(seed) });
    await store.open(STREAM);
    return store;
  };
  const before = await own(1);
  await before.save(stateOf(5n, 1));
  expect(await before.save(stateOf(5n, 1))).toEqual({ stored: true, duplicate: true });
  const after = await own(2);
  await expect(before.save(stateOf(5n, 1))).rejects.toMatchObject({ code: "CHECKPOINT_FENCED" });
  expect(await after.save(stateOf(5n, 1))).toEqual({ stored: true, duplicate: true });
  await before.close();
  await after.close();
});

async function live(name: string, script: readonly Call[], newStorage: () => Promise<StorageBackend>, told: Told): Promise<void> {
  const store = checkpointStore({ storage: await newStorage(), prefix: "c", keep: Infinity, random: seededRandom(Number(name) + 10) });
  const begun = told.moment();
  try {
    await store.open(STREAM);
    const opened = told.moment();
    told.requireSeen(await shown(store), begun, name);
    told.owners.push({ begun, opened, name });
    for (const call of script) await act(store, call, { name, begun, opened }, told);
  } catch (error) {
    if (!hasCode(error, "CHECKPOINT_FENCED")) throw error;
  }
  await store.close();
}

async function act(store: CheckpointStore, [kind, at]: Call, owner: Owner, told: Told): Promise<void> {
  if (kind === "delete") {
    told.deleting(at);
    await store.deleteBefore(STREAM, BigInt(at));
    return;
  }
  const sequence = kind === "new" ? told.newSequence() : at + 1;
  const value = kind === "again" ? (told.valueAt(sequence) ?? told.newValue()) : told.newValue();
  const begun = told.saving(sequence, value);
  await store.save(stateOf(BigInt(sequence), value), { ifExists: "replace" });
  told.saved(sequence, value, begun, owner);
}

async function shown(store: CheckpointStore): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  for (const { sequence } of await store.list(STREAM)) {
    const one = await store.get(STREAM, sequence);
    if (one !== undefined) found.set(Number(sequence), valueOf(one.state));
  }
  return found;
}

interface Owner {
  readonly name: string;
  readonly begun: number;
  readonly opened: number;
}

interface Attempt {
  readonly sequence: number;
  readonly value: number;
  readonly begun: number;
}

/** What everybody was told, in the order of time. */
class Told {
  readonly owners: Owner[] = [];
  readonly #acknowledged: (Attempt & { readonly ended: number })[] = [];
  readonly #attempts: Attempt[] = [];
  readonly #deletions: number[] = [];
  #now = 0;
  #sequences = 0;
  #values = 0;

  moment(): number {
    return (this.#now += 1);
  }

  newSequence(): number {
    return (this.#sequences += 1);
  }

  newValue(): number {
    return (this.#values += 1);
  }

  valueAt(sequence: number): number | undefined {
    return this.#attempts.find((it) => it.sequence === sequence)?.value;
  }

  deleting(below: number): void {
    this.#deletions.push(below);
  }

  saving(sequence: number, value: number): number {
    const begun = this.moment();
    this.#attempts.push({ sequence, value, begun });
    return begun;
  }

  saved(sequence: number, value: number, begun: number, owner: Owner): void {
    const later = this.owners.find((it) => it.begun > owner.opened && it.opened < begun);
    expect(later?.name, `${owner.name} is told that ${value} is saved, and was superseded before`).toBeUndefined();
    this.#acknowledged.push({ sequence, value, begun, ended: this.moment() });
  }

  /** Whoever began to open at that time sees what was acknowledged before, or what somebody saved in its place since. */
  requireSeen(found: ReadonlyMap<number, number>, openedFrom: number, who: string): void {
    for (const { sequence, value, begun, ended } of this.#acknowledged) {
      if (ended > openedFrom || this.#deletions.some((below) => sequence < below)) continue;
      const others = this.#attempts.filter((it) => it.sequence === sequence && it.value !== value && !this.#wasBefore(it, begun)).map((it) => it.value);
      expect([value, ...others], `${who} under ${sequence}`).toContain(found.get(sequence));
    }
  }

  /** Whether an attempt was over, and acknowledged, before a save began that was acknowledged. */
  #wasBefore({ sequence, value }: Attempt, begun: number): boolean {
    const ends = this.#acknowledged.filter((it) => it.sequence === sequence && it.value === value).map(({ ended }) => ended);
    const attempts = this.#attempts.filter((it) => it.sequence === sequence && it.value === value);
    return ends.length === attempts.length && ends.every((ended) => ended < begun);
  }
}

/** Each call waits for its turn, which chance gives. */
function inTurns(inner: StorageBackend, scheduler: fc.Scheduler): StorageBackend {
  const turn = async (label: string): Promise<void> => {
    await scheduler.schedule(Promise.resolve(), label);
  };
  return inSteps(inner, { before: turn, behind: (call) => turn(`${call} answered`) });
}
