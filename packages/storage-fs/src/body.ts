import { readBody, type StorageBody } from "@holdfast/storage";
import type { FsFile } from "@holdfast/storage/ports";
import type { CommitSlots } from "./commit-slots.js";
import type { Failure } from "./errors.js";

/**
 * Writes a body from the start of an empty file and makes its bytes durable, in bounded memory: small pieces are gathered,
 * large ones are written a part at a time, and what is written is flushed now and then, so that the last flush is short.
 *
 * @returns The number of bytes.
 * @throws What `readBody` throws; system errors.
 */
export async function writeBody(
  file: FsFile,
  body: StorageBody,
  slots: CommitSlots,
  failure: Failure,
  signal: AbortSignal | undefined,
): Promise<number> {
  let size = 0;
  let flushed = 0;
  for await (const part of partsOf(readBody(body, { ...failure, backend: "fs", signal }))) {
    signal?.throwIfAborted();
    await writeAll(file, part, size);
    size += part.byteLength;
    if (size - flushed >= FLUSH_BYTES) {
      await slots.run(() => file.datasync());
      flushed = size;
    }
  }
  await slots.run(() => file.sync());
  return size;
}

const NOTHING = new Uint8Array(0);
const GATHER_BYTES = 256 * 1024;
const PART_BYTES = 1024 * 1024;
const FLUSH_BYTES = 8 * 1024 * 1024;

/** The pieces in parts of a size that is good to write. A part is valid until the next one is asked for. */
async function* partsOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let gathered: Uint8Array = NOTHING;
  let length = 0;
  for await (const piece of pieces) {
    if (length + piece.byteLength <= GATHER_BYTES) {
      gathered = withRoom(gathered, length + piece.byteLength);
      gathered.set(piece, length);
      length += piece.byteLength;
      continue;
    }
    if (length > 0) yield gathered.subarray(0, length);
    length = 0;
    yield* slices(piece);
  }
  if (length > 0) yield gathered.subarray(0, length);
}

/** The bytes, in a larger array if they have no room for `length`. Most bodies are one small piece, which then has just its own room. */
function withRoom(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.byteLength) return bytes;
  const larger = new Uint8Array(Math.min(GATHER_BYTES, Math.max(length, 2 * bytes.byteLength)));
  larger.set(bytes);
  return larger;
}

function* slices(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
}

/** Nobody sees the file yet, so the rest of a short write may follow in a write of its own. */
async function writeAll(file: FsFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const written = await file.write(bytes.subarray(done), position + done);
    if (written <= 0) throw Object.assign(new Error("nothing was written"), { code: "short write" });
    done += written;
  }
}
