import { memoryBackend, StorageError } from "@holdfast/storage";
import { openLog } from "@holdfast/wal";
import { expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { verify } from "../src/restore.js";
import { before } from "./support/before.js";

/** Of these two fit into no segment together. */
const record = new Uint8Array(1500);

it("keeps what the replicator before told of while it was being superseded", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  const append = async (count: number): Promise<void> => {
    for (let left = count; left > 0; left--) await log.append(record);
  };
  const options = { source: log, batchMs: 60_000, batchBytes: 1024, retry: { minMs: 60_000, maxMs: 60_000 } };
  await append(2);
  const first = await openReplicator({ ...options, target: client });
  await first.sync();

  // The second one has looked where the end is, and is about to claim the next index. Behind its claim one segment arrives, and no more.
  let segments = 0;
  const second = await openReplicator({
    ...options,
    target: before(client, async ({ offset }) => {
      if (offset === 0n) {
        await append(2);
        await first.sync();
        return;
      }
      segments += 1;
      if (segments > 1) throw new StorageError("STORAGE_WRITE_FAILED", "out of order", { operation: "create", outcome: "not_applied" });
    }),
  });
  await Promise.race([second.sync(), second.waitFor(3)]).catch(() => undefined);
  expect((await verify({ from: client })).records).toBe(4);

  await append(1);
  await expect(first.sync()).rejects.toMatchObject({ code: "REPLICA_FENCED" });
  await second.sync();
  expect((await verify({ from: client })).records).toBe(5);
  await second.close({ flushTimeoutMs: 0 });
  await first.close();
  await log.close();
});

it("leaves out what a superseded replicator wrote and did not tell of", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  await log.append(record);
  // The first one's second segment arrives when the second one has begun.
  let late: Promise<void> | undefined;
  let opened = (): void => undefined;
  const first = await openReplicator({
    source: log,
    batchMs: 60_000,
    target: before(client, async ({ offset }) => {
      if (offset > 200n) await (late ??= new Promise((resolve) => { opened = resolve; }));
    }),
  });
  await first.sync();
  await log.append(record);
  const told = first.sync();
  told.catch(() => undefined);
  while (late === undefined) await new Promise((resolve) => setImmediate(resolve));
  const second = await openReplicator({ source: log, batchMs: 60_000, target: client });
  await log.append(record);
  await second.sync();
  opened();
  await expect(told).rejects.toMatchObject({ code: "REPLICA_FENCED" });
  expect(await verify({ from: client })).toMatchObject({ records: 3, seq: 3 });
  await second.close();
  await first.close();
  await log.close();
});
