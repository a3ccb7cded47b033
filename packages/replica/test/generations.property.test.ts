import { hasCode, isHoldfastError, memoryBackend, StorageError, type StorageBackend } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { mildAdversary, seededRandom, SimDisk, virtualClock, type Adversary } from "@holdfast/storage-sim";
import { adversaryArbitrary } from "@holdfast/storage-sim/fast-check";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import { inSteps, simulatedBucket, simulatedDirectory } from "@holdfast/test-worlds";
import { openLog, type Log } from "@holdfast/wal";
import fc from "fast-check";
import { expect, it } from "vitest";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator, type Replicator } from "../src/replicator.js";
import { restore, verify } from "../src/restore.js";

/** Where several replicators write, each as a process of its own. */
interface Place {
  open(process: number): Promise<StorageBackend>;
  readonly clock: Clock;
  run<T>(work: Promise<T>): Promise<T>;
  /** Whatever is still on its way arrives. */
  settle(): void;
}

/** The same storage; each call takes some turns, and of some creates nobody knows what became of them. */
function uncertain(inner: StorageBackend, adversary: Adversary): StorageBackend {
  const turns = async (): Promise<void> => {
    for (let left = 3 * adversary.choose("turns", 8); left > 0; left -= 1) await Promise.resolve();
  };
  /** Answers that may still be lost: nobody is unlucky for ever. */
  let left = 12;
  const unknown = (): StorageError => new StorageError("STORAGE_WRITE_FAILED", "no answer", { operation: "create", outcome: "unknown", retryable: true });
  return {
    ...inSteps(inner, { before: turns }),
    async create(key, body, options) {
      await turns();
      const fate = left > 0 ? adversary.choose("create", 8) : 0;
      if (fate >= 6) left -= 1;
      if (fate === 7) throw unknown();
      const entry = await inner.create(key, body, options);
      await turns();
      if (fate === 6) throw unknown();
      return entry;
    },
  };
}

function memoryPlace(adversary: Adversary): Place {
  const clock = virtualClock();
  const storage = memoryBackend({ clock });
  return { open: () => Promise.resolve(uncertain(storage, adversary)), clock, run: (work) => driveClock(clock, work), settle: () => undefined };
}

function diskPlace(adversary: Adversary): Place {
  const clock = virtualClock();
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock });
  const open = async (process: number): Promise<StorageBackend> => uncertain(await simulatedDirectory(disk.port(), { clock, random: seededRandom(process) }), adversary);
  return { open, clock, run: (work) => driveClock(clock, work), settle: () => undefined };
}

/** Of whose answers a fifth is lost, late or doubled. */
function objectsPlace(adversary: Adversary): Place {
  const clock = virtualClock();
  const chance = { kinds: ["lose", "drop", "late", "twice", "failAfter", "fail", "conflict"], faults: 1, outOf: 5, limit: 40 } as const;
  const store = new SimObjectStore({ clock, adversary, chance, maxTurns: 3 });
  return {
    open: (process) => Promise.resolve(simulatedBucket(store.client().port, { clock, random: seededRandom(process) }, { conditionalWrites: "trusted" })),
    clock,
    run: (work) => driveClock(clock, work),
    settle: () => {
      store.landLate();
    },
  };
}

const RECORDS = 5;

/** Many more runs, as `HOLDFAST_LONG=replica` asks for. */
const TIMES = process.env["HOLDFAST_LONG"] === "replica" ? 25 : 1;

async function sourceLog(clock: Clock): Promise<Log> {
  const log = await openLog({ storage: memoryBackend(), prefix: "log", clock });
  for (let seq = 1; seq <= RECORDS; seq++) await log.append(new Uint8Array(40).fill(seq));
  return log;
}

/** Opens until it works, as a process that is started again does. @returns How often it did not. */
async function openSometime(open: () => Promise<Replicator>): Promise<{ readonly replicator: Replicator; readonly failures: number }> {
  for (let failures = 0; ; failures++) {
    try {
      return { replicator: await open(), failures };
    } catch (error) {
      if (!isHoldfastError(error) || !error.code.startsWith("STORAGE_") || failures > 50) throw error;
    }
  }
}

/** Several begin at once, tell what they shipped, and end. @param seed - Of their random names. @returns How often an opening failed. */
async function beginAtOnce(place: Place, log: Log, replicators: number, seed = 100): Promise<number> {
  const lives = Array.from({ length: replicators }, async (_, process) => {
    const target = replicaClient({ storage: await place.open(process), prefix: "", layout: "native", clock: place.clock });
    const options = { source: log, target, clock: place.clock, random: seededRandom(seed + process), batchMs: 50, retry: { minMs: 10, maxMs: 100 } };
    const { replicator, failures } = await openSometime(() => openReplicator(options));
    const told = await replicator.sync().then(
      () => true,
      (error: unknown) => {
        if (!hasCode(error, "REPLICA_FENCED")) throw error;
        return false;
      },
    );
    if (told) expect((await verify({ from: target, generation: replicator.status().generation, seq: RECORDS })).records).toBe(RECORDS);
    await replicator.close();
    return { told, failures };
  });
  const ends = await Promise.all(lives);
  expect(ends.some(({ told }) => told), "somebody ships it all").toBe(true);
  return ends.reduce((sum, { failures }) => sum + failures, 0);
}

async function walOf(client: ReplicaClient, generation: string): Promise<number> {
  let segments = 0;
  for await (const { size } of client.walSegments(generation)) segments += size > 0 ? 1 : 0;
  return segments;
}

it.each([
  ["memory", memoryPlace, 12],
  ["a simulated disk", diskPlace, 5],
  ["a simulated object store", objectsPlace, 5],
] as const)("replicators that begin at the same time begin one generation: on %s", async (_, make, numRuns) => {
  await fc.assert(
    fc.asyncProperty(adversaryArbitrary(), fc.integer({ min: 2, max: 3 }), async (adversary, replicators) => {
      const place = make(adversary);
      const work = async (): Promise<void> => {
        const log = await sourceLog(place.clock);
        const failures = await beginAtOnce(place, log, replicators);
        place.settle();
        const client = replicaClient({ storage: await place.open(9), prefix: "", layout: "native" });
        const numbers = await client.register?.numbers();
        expect(numbers).toEqual([1n]);
        const entry = await client.register?.read(1n);
        expect(entry?.logId).toBe(log.logId);
        // What was begun and not noted holds nothing; it stays only where an answer was lost or somebody had to begin again.
        for (const generation of await client.generations()) if (generation !== entry?.generation) expect(await walOf(client, generation), generation).toBe(0);
        expect(await client.generations()).toContain(entry?.generation);
        if (failures === 0 && make !== objectsPlace) expect(await client.generations()).toEqual([entry?.generation]);
        // The next one goes on in it, and the whole log is restored from there.
        const { replicator: next } = await openSometime(() => openReplicator({ source: log, target: client, clock: place.clock, batchMs: 50 }));
        await next.sync();
        await next.close();
        expect(await verify({ from: client })).toMatchObject({ generation: entry?.generation, firstSeq: 1, records: RECORDS });
        await log.close();
      };
      await place.run(work());
    }),
    { numRuns: numRuns * TIMES },
  );
}, 60_000 * TIMES);

it("two replicators whose log departed from its generation begin one new generation", async () => {
  await fc.assert(
    fc.asyncProperty(adversaryArbitrary(), async (adversary) => {
      const place = memoryPlace(adversary);
      const work = async (): Promise<void> => {
        const log = await sourceLog(place.clock);
        await beginAtOnce(place, log, 1, 200);
        const client = replicaClient({ storage: await place.open(9), prefix: "", layout: "native" });
        const copy = memoryBackend();
        await restore({ from: client, to: copy, prefix: "log", seq: 2 });
        const other = await openLog({ storage: copy, prefix: "log", clock: place.clock });
        for (let seq = 3; seq <= RECORDS; seq++) await other.append(new Uint8Array(10).fill(seq));
        await beginAtOnce(place, other, 2);
        expect(await client.register?.numbers()).toEqual([1n, 2n]);
        expect(await verify({ from: client })).toMatchObject({ generation: (await client.register?.read(2n))?.generation, records: RECORDS });
        // The old one goes on in its own, and the latest is the one that was begun last.
        await log.append(new Uint8Array(1));
        const { replicator } = await openSometime(() => openReplicator({ source: log, target: client, clock: place.clock, batchMs: 50 }));
        await replicator.sync();
        await replicator.close();
        expect(replicator.status().generation).toBe((await client.register?.read(1n))?.generation);
        expect(await verify({ from: client })).toMatchObject({ generation: (await client.register?.read(2n))?.generation });
        await log.close();
        await other.close();
      };
      await place.run(work());
    }),
    { numRuns: 4 * TIMES },
  );
}, 60_000 * TIMES);
