import { memoryBackend, StorageError } from "@holdfast/storage";
import { openLog } from "@holdfast/wal";
import { expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { verify } from "../src/restore.js";
import { before } from "./support/before.js";

const record = new Uint8Array(1500);

it("begins the next index behind what was gathered while a segment could not be written", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  await log.append(record);
  let failures = 0;
  const target = before(client, async ({ offset }) => {
    if (offset === 0n || failures > 0) return;
    failures += 1;
    // It comes to what waits already; the segment before it fills the index.
    await log.append(record);
    throw new StorageError("STORAGE_WRITE_FAILED", "out of order", { operation: "create", outcome: "not_applied" });
  });
  const replicator = await openReplicator({ source: log, target, indexBytes: 1024, batchMs: 1, retry: { minMs: 1, maxMs: 1 } });
  await replicator.waitFor(2);
  await log.append(record);
  await replicator.waitFor(3);
  expect(await verify({ from: client })).toMatchObject({ seq: 3, records: 3 });
  await replicator.close();
  await log.close();
});
