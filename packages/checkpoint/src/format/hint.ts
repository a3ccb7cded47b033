import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";

/*
 * Where a stream stood when somebody last wrote it down. Nothing rests on it: it is compared with what is there.
 *
 *   0 8 magic "HFCKHINT"   8 2 version: 1   10 2 flags: 1 if there is a latest checkpoint   12 4 0
 *  16 8 newest position   24 8 sequence of the latest checkpoint   32 8 its position   40 4 0   44 4 crc, as of an entry
 */

/** What a hint says. */
export interface Hint {
  /** Of the newest entry; 0: there is none. */
  readonly position: number;
  readonly latest: { readonly sequence: bigint; readonly position: number } | undefined;
}

/** @param streamId - In UTF-8. */
export function encodeHint({ position, latest }: Hint, streamId: Uint8Array): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(HINT_BYTES) });
  writer.bytes(MAGIC);
  writer.u16(FORMAT_VERSION);
  writer.u16(latest === undefined ? 0 : 1);
  writer.u32(0);
  writer.u64(position);
  writer.u64(latest?.sequence ?? 0n);
  writer.u64(latest?.position ?? 0);
  writer.u32(0);
  writer.u32(crc32c(streamId, crc32c(writer.written)));
  return writer.finish();
}

/** Total: `undefined` for whatever is no hint of this version and stream. */
export function decodeHint(bytes: Uint8Array, streamId: Uint8Array): Hint | undefined {
  if (bytes.length !== HINT_BYTES) return undefined;
  const reader = new ByteReader(bytes);
  const isOurs = reader.bytes(8).every((byte, index) => byte === MAGIC[index]);
  if (!isOurs || new ByteReader(bytes, HINT_BYTES - 4).u32() !== crc32c(streamId, crc32c(bytes.subarray(0, HINT_BYTES - 4)))) return undefined;
  if (reader.u16() !== FORMAT_VERSION) return undefined;
  const hasLatest = reader.u16() === 1;
  reader.skip(4);
  const [position, sequence, latestPosition] = [Number(reader.u64()), reader.u64(), Number(reader.u64())];
  if (![position, latestPosition].every(Number.isSafeInteger)) return undefined;
  return { position, latest: hasLatest ? { sequence, position: latestPosition } : undefined };
}

const MAGIC = Uint8Array.from("HFCKHINT", (letter) => letter.charCodeAt(0));
const FORMAT_VERSION = 1;
const HINT_BYTES = 48;
