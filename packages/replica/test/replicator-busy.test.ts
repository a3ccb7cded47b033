import { snapshotStore } from "@holdfast/snapshot";
import { memoryBackend, systemClock } from "@holdfast/storage";
import { openLog, type Log, type LogBatch } from "@holdfast/wal";
import { expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { openReplicator, type ReplicationSource } from "../src/replicator.js";
import { verify } from "../src/restore.js";

/** One of these is more than a segment waits for. */
const record = new Uint8Array(1500);
const LOOK_MS = 10;
const LOOKS = 200;

/**
 * A log that nobody sees at rest: each look at it finds records that were not there at the one before, {@link LOOKS} times. Time passes
 * with the looks alone.
 */
class BusySource {
  readonly #log: Log;
  readonly #isEndless: boolean;
  /** Done before each look. */
  between: (look: number) => Promise<void> | void = () => undefined;
  nowMs = 1_000_000_000_000;
  looks = 0;
  readonly source: ReplicationSource;

  /** @param isEndless - Whether who reads it meets what was written meanwhile, too, so that a single loop over it takes all the time. */
  constructor(log: Log, isEndless: boolean) {
    this.#log = log;
    this.#isEndless = isEndless;
    this.source = {
      logId: log.logId,
      firstSeq: log.firstSeq,
      get: (seq, options) => log.get(seq, options),
      readBatches: ({ from = 1 } = {}) => this.#batches(from),
    };
  }

  async *#batches(from: number): AsyncGenerator<LogBatch<Uint8Array>, void, undefined> {
    for (let next = from; ; ) {
      this.looks += 1;
      this.nowMs += LOOK_MS;
      await this.between(this.looks);
      if (this.looks < LOOKS) await this.#log.appendBatch([record, record]);
      for await (const batch of this.#log.readBatches({ from: next })) {
        yield batch;
        next = batch.lastSeq + 1;
      }
      if (!this.#isEndless || this.looks >= LOOKS) return;
    }
  }
}

async function openBusy(isEndless: boolean): Promise<{ readonly log: Log; readonly busy: BusySource }> {
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  await log.append(record);
  return { log, busy: new BusySource(log, isEndless) };
}

it("ships snapshots and removes what is needless while the source never rests", async () => {
  const { log, busy } = await openBusy(true);
  const clock = { ...systemClock, now: () => busy.nowMs, monotonic: () => busy.nowMs };
  const target = replicaClient({ storage: memoryBackend({ clock }), prefix: "", layout: "native", clock });
  const snapshots = snapshotStore({ storage: memoryBackend(), prefix: "" });
  const shipped: (number | undefined)[] = [];
  let left = 0;
  busy.between = async (look) => {
    if (look % 25 === 0 && look < LOOKS) await snapshots.write(log.nextSeq - 1, record, { logId: log.logId });
    if (look % 25 === 24) shipped.push(replicator.status().snapshotSeq);
    if (look !== LOOKS - 1) return;
    for await (const snapshot of target.snapshots(replicator.status().generation ?? "")) left += snapshot.index > 0n ? 1 : 0;
  };
  const retention = { retentionMs: 1, keep: 2, graceMs: 0, everyMs: 1000 };
  const replicator = await openReplicator({ source: busy.source, target, snapshots, snapshotMs: 100, retention, clock, batchBytes: 1024, batchMs: 1 });
  await replicator.waitFor(2 * (LOOKS - 1));
  // The first one has no place, since more stands behind it already; it makes one for the next, and each that is shipped for the one behind it.
  expect(shipped).toEqual([0, 0, 99, 149, 199, 249, 299, 349]);
  expect(left).toBe(2);
  await replicator.close();
  expect((await verify({ from: target })).seq).toBe(log.nextSeq - 1);
  await log.close();
});

it("ends a sync when what was there is shipped, though the source never rests", async () => {
  const { log, busy } = await openBusy(false);
  const target = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  let synced: { readonly look: number; readonly seq: number | undefined } | undefined;
  let there = 0;
  busy.between = (look) => {
    if (look !== 20) return;
    there = log.nextSeq - 1;
    void replicator.sync().then(() => (synced = { look: busy.looks, seq: replicator.status().seq }));
  };
  const replicator = await openReplicator({ source: busy.source, target, batchBytes: 1024, batchMs: 1 });
  await replicator.waitFor(2 * (LOOKS - 1));
  expect(synced?.look).toBeLessThan(30);
  expect(synced?.seq).toBeGreaterThanOrEqual(there);
  await replicator.close();
  await log.close();
});
