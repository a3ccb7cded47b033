import { ReplicaError } from "../../src/errors.js";
import type { ReplicaClient } from "../../src/replica-client.js";
import { downloadWal } from "../../src/wal-downloader.js";
import { joined } from "./pieces.js";
import { checkpointed } from "./sqlite-wal.js";

/** A snapshot of a database, and the whole WAL of each index from its own on. */
export interface DatabaseParts {
  readonly snapshot: Uint8Array;
  readonly wal: ReadonlyMap<bigint, Uint8Array>;
}

/** What is needed for the database of a generation as it was at the end of an index, read by the client. Default: the last one. */
export async function databaseParts(client: ReplicaClient, generation: string, maxIndex?: bigint): Promise<DatabaseParts> {
  let [last, base] = [-1n, -1n];
  for await (const { index } of client.walSegments(generation)) if (maxIndex === undefined || index <= maxIndex) last = index;
  for await (const { index } of client.snapshots(generation)) if (maxIndex === undefined || index <= maxIndex) base = index;
  if (base < 0n) throw new ReplicaError("REPLICA_NO_SNAPSHOT", "no snapshots available", { operation: "databaseParts" });
  const snapshot = await joined(await client.snapshotReader(generation, base));
  const wal = new Map<bigint, Uint8Array>();
  if (last < base) return { snapshot, wal };
  for await (const { index, bytes } of downloadWal(client, { generation, minIndex: base, maxIndex: last })) {
    wal.set(index, new Uint8Array(Buffer.concat([wal.get(index) ?? new Uint8Array(), bytes])));
  }
  return { snapshot, wal };
}

/** The database itself, put together without SQLite. */
export async function rebuildDatabase(client: ReplicaClient, generation: string, maxIndex?: bigint): Promise<Uint8Array> {
  const { snapshot, wal } = await databaseParts(client, generation, maxIndex);
  return [...wal.values()].reduce(checkpointed, snapshot);
}
