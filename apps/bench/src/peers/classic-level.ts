import type { MissingPeer, Peer } from "./store.js";

const SYNC = { sync: true };

/** classic-level, which is LevelDB. `sync: true` makes a write resolve after the fdatasync of LevelDB's own log. */
export async function loadClassicLevel(): Promise<Peer | MissingPeer> {
  try {
    const { ClassicLevel } = await import("classic-level");
    return {
      name: "classic-level",
      setting: "{ sync: true }, binary keys and values, batch() for batches, iterator().nextv(1000) for replay",
      open: async (directory) => {
        const db = new ClassicLevel<Uint8Array, Uint8Array>(directory, { keyEncoding: "view", valueEncoding: "view" });
        await db.open();
        let next = 0;
        return {
          append: (record) => db.put(keyOf(next++), record, SYNC),
          appendBatch: (records) =>
            db.batch(
              records.map((value) => ({ type: "put", key: keyOf(next++), value })),
              SYNC,
            ),
          replay: async () => {
            let records = 0;
            let bytes = 0;
            await using iterator = db.iterator();
            for (;;) {
              const entries = await iterator.nextv(1000);
              if (entries.length === 0) return { records, bytes };
              for (const [, value] of entries) {
                records += 1;
                bytes += value.length;
              }
            }
          },
          close: () => db.close(),
        };
      },
    };
  } catch (error) {
    return { name: "classic-level", missing: `could not be loaded: ${String(error)}` };
  }
}

/** Big endian, so that byte order is number order. */
function keyOf(number: number): Uint8Array {
  const key = Buffer.allocUnsafe(8);
  key.writeUIntBE(0, 0, 2);
  key.writeUIntBE(number, 2, 6);
  return key;
}
