const MAGIC = 0x377f0682;
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/**
 * What a checkpoint of SQLite makes of a database and its WAL: the newest version of each page up to the last commit that is whole.
 * https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
export function checkpointed(database: Uint8Array, wal: Uint8Array): Uint8Array {
  const { pages, pageCount, pageSize } = committedPages(wal);
  if (pageCount === 0) return database;
  const result = new Uint8Array(pageCount * pageSize);
  result.set(database.subarray(0, result.length));
  for (const [number, page] of pages) if (number <= pageCount) result.set(page, (number - 1) * pageSize);
  return result;
}

interface CommittedPages {
  readonly pages: ReadonlyMap<number, Uint8Array>;
  /** Of the database; 0 if there is no commit. */
  readonly pageCount: number;
  readonly pageSize: number;
}

function committedPages(wal: Uint8Array): CommittedPages {
  const view = new DataView(wal.buffer, wal.byteOffset, wal.length);
  const [committed, begun] = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()];
  if (wal.length < HEADER_BYTES || (view.getUint32(0) & ~1) >>> 0 !== MAGIC) return { pages: committed, pageCount: 0, pageSize: 0 };
  const littleEndian = view.getUint32(0) === MAGIC;
  const pageSize = view.getUint32(8);
  let pageCount = 0;
  let sums = checksum([0, 0], view, 0, 24, littleEndian);
  if (sums[0] !== view.getUint32(24) || sums[1] !== view.getUint32(28)) return { pages: committed, pageCount: 0, pageSize };
  for (let at = HEADER_BYTES; at + FRAME_HEADER_BYTES + pageSize <= wal.length; at += FRAME_HEADER_BYTES + pageSize) {
    const page = at + FRAME_HEADER_BYTES;
    sums = checksum(checksum(sums, view, at, 8, littleEndian), view, page, pageSize, littleEndian);
    const hasSalts = view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20);
    if (!hasSalts || sums[0] !== view.getUint32(at + 16) || sums[1] !== view.getUint32(at + 20)) break;
    begun.set(view.getUint32(at), wal.subarray(page, page + pageSize));
    if (view.getUint32(at + 4) === 0) continue;
    pageCount = view.getUint32(at + 4);
    for (const [number, bytes] of begun) committed.set(number, bytes);
    begun.clear();
  }
  return { pages: committed, pageCount, pageSize };
}

function checksum([first, second]: readonly [number, number], view: DataView, at: number, length: number, littleEndian: boolean): readonly [number, number] {
  let [a, b] = [first, second];
  for (let i = at; i < at + length; i += 8) {
    a = (a + view.getUint32(i, littleEndian) + b) >>> 0;
    b = (b + view.getUint32(i + 4, littleEndian) + a) >>> 0;
  }
  return [a, b];
}
