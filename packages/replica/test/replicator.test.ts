import { describe, expect, it } from "vitest";
import { hasCode, storagePrefix, type StorageBackend } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { openLog, openLogReader, type Log, type LogReader } from "@holdfast/wal";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator, type Replicator } from "../src/replicator.js";
import { restore, verify } from "../src/restore.js";
import { storages, type TestStorage } from "./support/storages.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A log, a replica of it, and a place to restore to, in one storage. */
interface Scene {
  readonly storage: StorageBackend;
  readonly log: Log;
  readonly target: ReplicaClient;
  readonly clock: Clock;
  readonly replicate: (source: Log | LogReader, options?: { readonly indexBytes?: number; readonly batchBytes?: number }) => Promise<Replicator>;
}

/** The records of a log. */
async function recordsOf(log: Log): Promise<readonly string[]> {
  const records: string[] = [];
  for await (const { seq, value } of log.read()) records.push(`${seq} ${new TextDecoder().decode(value)}`);
  return records;
}

/** The records of a log that is closed. */
async function restoredRecords(storage: StorageBackend, prefix: string): Promise<readonly string[]> {
  const log = await openLog({ storage, prefix });
  const records = await recordsOf(log);
  await log.close();
  return records;
}

async function keysOf(storage: StorageBackend, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list(storagePrefix(prefix))) keys.push(key);
  return keys;
}

describe.each(storages)("a replicated log on %s", (_, open) => {
  async function using(work: (scene: Scene) => Promise<void>): Promise<void> {
    const place: TestStorage = await open();
    try {
      await place.run(
        (async () => {
          const { storage, clock } = place;
          const log = await openLog({ storage, prefix: "source", clock });
          const target = replicaClient({ storage, prefix: "replica", layout: "native" });
          await work({ storage, log, target, clock, replicate: (source, options) => openReplicator({ source, target, batchMs: 5, clock, ...options }) });
          await log.close();
        })(),
      );
    } finally {
      await place.close();
    }
  }

  it("is restored as it was, to the last record, to one in the middle, and to none", () =>
    using(async ({ storage, log, target, replicate }) => {
      const replicator = await replicate(log, { indexBytes: 4096, batchBytes: 1024 });
      const expected: string[] = [];
      for (let count = 0; count < 30; count++) {
        const { first } = await log.appendBatch([text(`a${count} ${"x".repeat(100)}`), text(`b${count}`)]);
        expected.push(`${first} a${count} ${"x".repeat(100)}`, `${first + 1} b${count}`);
        if (count % 7 === 0) await replicator.sync();
      }
      await replicator.waitFor(60);
      await replicator.sync();
      expect(replicator.status()).toMatchObject({ seq: 60, sourceSeq: 60, lagBytes: 0, lagMs: 0, failures: 0, state: "running", lastError: undefined });
      await replicator.close();

      expect(await verify({ from: target })).toMatchObject({ firstSeq: 1, seq: 60, records: 60 });
      expect(await restore({ from: target, to: storage, prefix: "whole" })).toMatchObject({ firstSeq: 1, seq: 60, records: 60 });
      expect(await restoredRecords(storage, "whole")).toEqual(expected);
      expect(await restore({ from: target, to: storage, prefix: "part", seq: 33, parallelism: 1 })).toMatchObject({ seq: 33, records: 33 });
      expect(await restoredRecords(storage, "part")).toEqual(expected.slice(0, 33));
      expect(await restore({ from: target, to: storage, prefix: "none", seq: 0 })).toMatchObject({ seq: 0, records: 0 });
      expect(await restoredRecords(storage, "none")).toEqual([]);
      expect((await keysOf(storage, "")).filter((key) => key.includes("restoring"))).toEqual([]);
      await expect(restore({ from: target, to: storage, prefix: "part" })).rejects.toMatchObject({ code: "REPLICA_TARGET_NOT_EMPTY" });
      await expect(restore({ from: target, to: storage, prefix: "more", seq: 61 })).rejects.toMatchObject({ code: "REPLICA_GAP" });
    }));

  it("goes on in its generation when it is replicated again, through a reader too", () =>
    using(async ({ storage, log, target, clock, replicate }) => {
      const reader = await openLogReader({ storage, prefix: "source", pollMs: 5, clock });
      for (let life = 0; life < 4; life++) {
        const replicator = await replicate(life % 2 === 0 ? log : reader);
        for (let count = 0; count < 3; count++) await log.append(text(`${life}.${count}`));
        if (life % 2 === 0) await replicator.sync();
        else await replicator.waitFor(life * 3 + 2);
        await replicator.close();
      }
      await reader.close();
      expect((await target.generations()).length).toBe(1);
      const { seq } = await restore({ from: target, to: storage, prefix: "restored" });
      expect(seq).toBeGreaterThanOrEqual(11);
      expect(await restoredRecords(storage, "restored")).toEqual((await recordsOf(log)).slice(0, seq));
    }));

  it("fences the replicator before", () =>
    using(async ({ log, target, replicate }) => {
      const first = await replicate(log);
      await log.append(text("one"));
      await first.sync();
      const second = await replicate(log);
      await log.append(text("two"));
      const late = await first.sync().then(() => first.waitFor(2)).catch((error: unknown) => error);
      await second.sync();
      expect(hasCode(late, "REPLICA_FENCED")).toBe(true);
      expect(first.status().state).toBe("failed");
      await log.append(text("three"));
      await second.sync();
      expect((await verify({ from: target })).records).toBe(3);
      await second.close();
      await first.close();
      expect((await target.generations()).length).toBe(1);
    }));
});
