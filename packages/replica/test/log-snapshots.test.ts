import { memoryBackend } from "@holdfast/storage";
import { snapshotStore } from "@holdfast/snapshot";
import { openLog } from "@holdfast/wal";
import { expect, it } from "vitest";
import { openBase } from "../src/log-replica.js";
import { snapshotsFrom, writeLogSnapshot } from "../src/log-snapshots.js";
import { replicaClient } from "../src/replica-client.js";
import type { ReplicationSource } from "../src/replicator.js";

it.each([2, 4])("a snapshot is written also where the log is trimmed to %i before it is looked when its record was committed", async (firstSeq) => {
  let timeMs = 0;
  const log = await openLog({ storage: memoryBackend(), prefix: "log", clock: { now: () => timeMs, monotonic: () => 0, setTimer: () => () => undefined } });
  for (let seq = 1; seq <= 3; seq++) {
    timeMs = seq * 1000;
    await log.append(new Uint8Array(1));
  }
  const logId = log.logId ?? "";
  const snapshots = snapshotStore({ storage: memoryBackend(), prefix: "snapshots", clock: { now: () => 9999, monotonic: () => 0, setTimer: () => () => undefined } });
  await snapshots.write(1, new Uint8Array(5), { logId });
  await log.trim(firstSeq);
  // As a reader knows it, that has not looked since.
  let known = 1;
  const source: ReplicationSource = {
    get firstSeq() {
      return known;
    },
    logId,
    get: (...args) => log.get(...args),
    async *readBatches(range) {
      const isOld = known !== firstSeq;
      known = firstSeq;
      yield* log.readBatches(isOld ? range : { ...range, from: Math.max(range?.from ?? 1, firstSeq) });
    },
  };
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  const [entry] = await snapshotsFrom(snapshots, 0, {});
  const generation = "0123456789abcdef";
  const base = await writeLogSnapshot({ client, source, snapshots, entry: entry!, generation, index: 3n, logId, signal: undefined });
  // Of what is gone it is not known any more: then that of the first commit behind it is taken, or of the snapshot.
  expect(base).toMatchObject({ seq: 1, committedAtMs: firstSeq === 4 ? 9999 : 2000 });
  expect((await openBase(client, generation, 3n, {})).base).toEqual(base);
  await log.close();
});
