import { fsBackend } from "@holdfast/storage-fs";
import { openLog, type Log } from "@holdfast/wal";

import type { Peer, Replayed } from "./store.js";

/** The log, with its defaults. */
export const logPeer: Peer = {
  name: "log",
  setting: "@holdfast/wal on @holdfast/storage-fs, all defaults: durability synced, idle marker after 50 ms, segments of 64 MiB",
  open: async (directory) => {
    const storage = await fsBackend({ root: directory });
    const log = await openLog({ storage, prefix: "bench" });
    return {
      append: (record) => log.append(record),
      appendBatch: (records) => log.appendBatch(records),
      replay: () => replayRecords(log),
      close: async () => {
        await log.close();
        await storage.close();
      },
    };
  },
};

/** Reads a log record by record. */
export async function replayRecords(log: Pick<Log, "read">): Promise<Replayed> {
  let records = 0;
  let bytes = 0;
  for await (const { value } of log.read()) {
    records += 1;
    bytes += value.length;
  }
  return { records, bytes };
}

/** Reads a log commit by commit. */
export async function replayBatches(log: Pick<Log, "readBatches">): Promise<Replayed> {
  let records = 0;
  let bytes = 0;
  for await (const { values } of log.readBatches()) {
    for (const value of values) {
      records += 1;
      bytes += value.length;
    }
  }
  return { records, bytes };
}
