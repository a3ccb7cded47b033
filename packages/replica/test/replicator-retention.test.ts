import { joinKey, memoryBackend, storagePrefix, systemClock, type StorageBackend } from "@holdfast/storage";
import { snapshotStore, type SnapshotStore } from "@holdfast/snapshot";
import { openLog, type Log } from "@holdfast/wal";
import { expect, it } from "vitest";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator, type Replicator } from "../src/replicator.js";
import type { ReplicatorRetention } from "../src/replicator-settings.js";
import { restore, verify } from "../src/restore.js";

const HOUR = 3_600_000;

/** A log with snapshots, and a replica of them, in which time is what the test says. */
interface Lab {
  readonly client: ReplicaClient;
  readonly there: StorageBackend;
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  nowMs: number;
  /** Appends a record, and a snapshot behind it, and ships both. */
  day(replicator: Replicator): Promise<void>;
  replicate(retention: ReplicatorRetention): Promise<Replicator>;
}

async function openLab(): Promise<Lab> {
  const here = memoryBackend();
  const clock = { ...systemClock, now: () => lab.nowMs, monotonic: () => lab.nowMs };
  const there = memoryBackend({ clock });
  const client = replicaClient({ storage: there, prefix: "", layout: "native", clock });
  const log = await openLog({ storage: here, prefix: "log" });
  const snapshots = snapshotStore({ storage: here, prefix: "" });
  const lab: Lab = {
    client,
    there,
    log,
    snapshots,
    nowMs: 1_000_000 * HOUR,
    async day(replicator) {
      lab.nowMs += 24 * HOUR;
      const seq = await log.append(new TextEncoder().encode("record"));
      await replicator.sync();
      await snapshots.write(seq, new TextEncoder().encode(`state ${seq}`), { logId: log.logId });
      await replicator.sync();
    },
    replicate: (retention) => openReplicator({ source: log, snapshots, target: client, retention, clock, batchMs: 3_600_000 }),
  };
  return lab;
}

async function indexesOf({ client }: Lab): Promise<{ readonly snapshots: readonly number[]; readonly wal: readonly number[] }> {
  const [generation = ""] = await client.generations();
  const [snapshots, wal] = [new Set<number>(), new Set<number>()];
  for await (const { index } of client.snapshots(generation)) snapshots.add(Number(index));
  for await (const { index } of client.walSegments(generation)) wal.add(Number(index));
  return { snapshots: [...snapshots], wal: [...wal] };
}

it("removes what was needless for the time of grace, and restores from what is left", async () => {
  const lab = await openLab();
  const replicator = await lab.replicate({ retentionMs: 48 * HOUR, keep: 1, graceMs: 24 * HOUR });
  for (let day = 1; day <= 8; day++) await lab.day(replicator);
  // On day n a snapshot stands at index n; those of three days stay, and those before would have been needed a day ago.
  expect(await indexesOf(lab)).toEqual({ snapshots: [5, 6, 7, 8], wal: [5, 6, 7] });
  for (const seq of [5, 6, 7, 8]) {
    const to = memoryBackend();
    expect(await restore({ from: lab.client, to, prefix: "log", seq, snapshots: snapshotStore({ storage: to, prefix: "" }) })).toMatchObject({ snapshotSeq: seq, seq });
  }
  await expect(verify({ from: lab.client, seq: 4 })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT" });
  await replicator.close();
  // Who comes next goes on with it.
  const next = await lab.replicate({ retentionMs: 48 * HOUR, graceMs: 24 * HOUR });
  await lab.day(next);
  expect(next.status().generation).toBe(replicator.status().generation);
  expect(await verify({ from: lab.client, seq: 9 })).toMatchObject({ seq: 9 });
  await next.close();
  await lab.log.close();
});

it("keeps so many snapshots, however old", async () => {
  const lab = await openLab();
  const replicator = await lab.replicate({ retentionMs: 1, keep: 3, graceMs: 0 });
  for (let day = 1; day <= 6; day++) await lab.day(replicator);
  expect((await indexesOf(lab)).snapshots).toEqual([4, 5, 6]);
  await replicator.close();
  await lab.log.close();
});

it("keeps the last snapshot for ever", async () => {
  const lab = await openLab();
  const replicator = await lab.replicate({ retentionMs: HOUR, graceMs: 0 });
  await lab.day(replicator);
  lab.nowMs += 1000 * HOUR;
  await replicator.sync();
  expect((await indexesOf(lab)).snapshots).toContain(1);
  expect(await verify({ from: lab.client })).toMatchObject({ seq: 1, snapshotSeq: 1 });
  await replicator.close();
  await lab.log.close();
});

it("removes nothing before a snapshot that is damaged", async () => {
  const lab = await openLab();
  const replicator = await lab.replicate({ retentionMs: 1000 * HOUR, graceMs: 0 });
  await lab.day(replicator);
  await lab.day(replicator);
  const [generation = ""] = await lab.client.generations();
  const key = joinKey(storagePrefix("generations"), `${generation}/snapshots/${"2".padStart(20, "0")}.snapshot.lz4`);
  const bytes = (await lab.there.read(key)) ?? new Uint8Array();
  await replicator.close();
  const keepOne = { retentionMs: 1, keep: 1, graceMs: 0 };
  const retained = async (): Promise<readonly number[]> => {
    lab.nowMs += 1;
    const next = await lab.replicate(keepOne);
    await next.sync();
    await next.close();
    return (await indexesOf(lab)).snapshots;
  };
  await lab.there.replace(key, bytes.map((byte, at) => (at === bytes.length - 30 ? byte ^ 1 : byte)));
  lab.nowMs -= 1;
  expect(await retained()).toEqual([0, 1, 2]);
  lab.nowMs -= 1;
  await lab.there.replace(key, bytes);
  expect(await retained()).toEqual([2]);
  await lab.log.close();
});

it("refuses a policy out of its bounds", async () => {
  const lab = await openLab();
  for (const retention of [{ retentionMs: -1 }, { retentionMs: 1, keep: 0 }, { retentionMs: 1, graceMs: 0.5 }, { retentionMs: 1, everyMs: 10 }]) {
    await expect(lab.replicate(retention)).rejects.toMatchObject({ code: "REPLICA_INVALID_ARGUMENT" });
  }
  await lab.log.close();
});
