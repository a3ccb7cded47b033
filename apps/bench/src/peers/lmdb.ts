import type { MissingPeer, Peer } from "./store.js";

/**
 * lmdb. Of its durable settings this one was the fastest or among the fastest in every row: `overlappingSync: false` makes the promise of
 * a write resolve after its transaction's fdatasync and synced meta page (seen in a system call trace). The default, overlapping sync, needs a second wait for
 * `flushed` before a write is durable, and was slower with one appender and with 1,024, and no faster between.
 */
export async function loadLmdb(): Promise<Peer | MissingPeer> {
  try {
    const { open } = await import("lmdb");
    return {
      name: "lmdb",
      setting: "overlappingSync: false (a write resolves when its transaction is flushed), binary values, uint32 keys, noMemInit, batch() for batches",
      open: (directory) => {
        const db = open<Uint8Array, number>(directory, {
          overlappingSync: false,
          encoding: "binary",
          keyEncoding: "uint32",
          noMemInit: true,
          mapSize: 4 * 2 ** 30, // room ahead, so that growing the map costs nothing inside the clock
        });
        let next = 0;
        return Promise.resolve({
          append: (record) => db.put(next++, record),
          appendBatch: (records) =>
            db.batch(() => {
              for (const record of records) void db.put(next++, record); // the batch's promise is awaited
            }),
          replay: () => {
            let records = 0;
            let bytes = 0;
            for (const { value } of db.getRange()) {
              records += 1;
              bytes += value.length;
            }
            return Promise.resolve({ records, bytes });
          },
          close: () => db.close(),
        });
      },
    };
  } catch (error) {
    return { name: "lmdb", missing: `could not be loaded: ${String(error)}` };
  }
}
