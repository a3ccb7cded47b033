import { mildAdversary, seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import type { StorageBackend } from "@holdfast/storage";
import { simulatedBucket } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { checkpointStore, type CheckpointStore } from "../src/index.js";
import { expectCode, stateOf, STREAM } from "./support/history.js";

/* Requests that are counted, and answers that do not come. */

class Bench {
  readonly clock: VirtualClock = virtualClock();
  readonly store = new SimObjectStore({ clock: this.clock, adversary: mildAdversary });
  readonly requests: string[] = [];

  constructor() {
    this.store.observe((step) => {
      if (step.phase === "sent") this.requests.push(step.operation);
    });
  }

  /** A process of its own. @param keep - See the store. */
  async open(keep = 3): Promise<{ readonly checkpoints: CheckpointStore; readonly storage: StorageBackend }> {
    const ports = { clock: this.clock, random: seededRandom(this.requests.length + 1) };
    const storage = simulatedBucket(this.store.client().port, ports, { attempts: 1, conditionalWrites: "trusted" });
    return { storage, checkpoints: checkpointStore({ storage, prefix: "c", keep, clock: this.clock, random: seededRandom(this.requests.length + 1000) }) };
  }

  run<T>(work: Promise<T>): Promise<T> {
    return driveClock(this.clock, work);
  }

  async counted<T>(work: () => Promise<T>): Promise<{ readonly answer: T; readonly requests: readonly string[] }> {
    const before = this.requests.length;
    const answer = await work();
    return { answer, requests: this.requests.slice(before) };
  }
}

describe("on a simulated object store", () => {
  it.each([0, 1, 50])("a stream with %s checkpoints is opened with three requests, and its latest read with one", async (stored) => {
    const bench = new Bench();
    await bench.run(
      (async () => {
        const { checkpoints } = await bench.open(Infinity);
        for (let sequence = 1; sequence <= stored; sequence += 1) await checkpoints.save(stateOf(BigInt(sequence), sequence));
        await checkpoints.close();
        const { checkpoints: after } = await bench.open();
        const opened = await bench.counted(() => after.open(STREAM));
        // The first of all streams has no hint.
        expect(opened.requests).toEqual(["GetObject", "PutObject", "ListObjects"]);
        expect(opened.answer).toEqual({ latestSequence: stored === 0 ? undefined : BigInt(stored) });
        const latest = await bench.counted(() => after.latest(STREAM));
        expect(latest.requests).toEqual(stored === 0 ? [] : ["GetObject"]);
        const saved = await bench.counted(() => after.save(stateOf(1000n, 1)));
        expect(saved.requests).toEqual(["PutObject", "PutObject"]);
        await after.close();
      })(),
    );
  });

  it.each(["drop", "lose", "late", "twice", "fail", "failAfter", "conflict"] as const)("a save whose requests meet %s is there or not, and the next one finds out which", async (kind) => {
    for (const name of ["*.ckpt", "*.entry", "*.hint"]) {
      for (const times of [1, 4, 9]) {
        const bench = new Bench();
        await bench.run(
          (async () => {
            const { checkpoints } = await bench.open();
            await checkpoints.save(stateOf(1n, 1));
            bench.store.addFault({ operation: "PutObject", name, nth: 1, times, kind });
            const first = await checkpoints.save(stateOf(2n, 2)).then(
              () => "saved",
              (error: unknown) => (error as { outcome: string }).outcome,
            );
            bench.store.clearFaults();
            const second = await checkpoints.save(stateOf(3n, 3));
            expect(second).toEqual({ stored: true, duplicate: false });
            const list = (await checkpoints.list(STREAM)).map(({ sequence }) => sequence);
            if (first === "saved") expect(list).toEqual([1n, 2n, 3n]);
            else expect(["not_applied", "unknown"]).toContain(first);
            await checkpoints.close();
            bench.store.landLate();
            const { checkpoints: after } = await bench.open();
            expect((await after.list(STREAM)).map(({ sequence }) => sequence)).toEqual(list);
            await expectCode(checkpoints.save(stateOf(4n, 4)), "CHECKPOINT_CLOSED");
          })(),
        );
      }
    }
  });
});
