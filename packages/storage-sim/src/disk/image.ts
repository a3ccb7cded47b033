/**
 * The bytes of a file: never changed, only replaced. Chunks are shared between images, so that remembering what a file was
 * costs one array of references, and a clone of a whole disk costs little.
 *
 * What lies behind `size` in the last chunk is zero. A chunk that is missing was never written: it reads as zeros.
 */
export interface Image {
  /** Bytes. */
  readonly size: number;
  readonly chunks: readonly (Uint8Array | undefined)[];
}

/** Bytes of a chunk. */
export const CHUNK_BYTES = 4096;
/** What file systems take space in. A chunk is a block. */
export const BLOCK_BYTES = 4096;
/** The bytes of a file that has none. */
export const EMPTY: Image = { size: 0, chunks: [] };

/** The image with `bytes` written at `offset`; what lies between the old end and there was never written. */
export function written(image: Image, bytes: Uint8Array, offset: number): Image {
  const end = offset + bytes.byteLength;
  const chunks = image.chunks.slice();
  const first = Math.floor(offset / CHUNK_BYTES);
  while (chunks.length < first) chunks.push(undefined);
  for (let index = first; index * CHUNK_BYTES < end; index += 1) {
    const start = index * CHUNK_BYTES;
    const from = Math.max(offset, start);
    const part = bytes.subarray(from - offset, Math.min(end, start + CHUNK_BYTES) - offset);
    chunks[index] = withPart(chunks[index], part, from - start);
  }
  return { size: Math.max(image.size, end), chunks };
}

/** How many sectors there are from the one in which byte `from` lies to the end of its block. */
export function tailSectors(from: number, sectorBytes: number): number {
  return Math.ceil((BLOCK_BYTES - (from % BLOCK_BYTES)) / sectorBytes);
}

/**
 * The image with zeros from `from` on in some sectors of that block.
 *
 * @param zeroed - Which ones; the index counts from the one in which `from` lies.
 */
export function tailZeroed(image: Image, from: number, sectorBytes: number, zeroed: (index: number) => boolean): Image {
  const index = Math.floor(from / BLOCK_BYTES);
  const chunk = image.chunks[index];
  if (chunk === undefined || chunk === ZEROS) return image;
  const fresh = newChunk();
  fresh.set(chunk);
  const start = from % BLOCK_BYTES;
  const first = Math.floor(start / sectorBytes);
  for (let at = 0; at < tailSectors(from, sectorBytes); at += 1) {
    if (zeroed(at)) fresh.fill(0, Math.max(start, (first + at) * sectorBytes), (first + at + 1) * sectorBytes);
  }
  return { size: image.size, chunks: image.chunks.with(index, fresh) };
}

/** The image cut or grown to `size`. */
export function resized(image: Image, size: number): Image {
  return size < image.size ? cutAt(image, size) : { size, chunks: image.chunks };
}

/** The image with this size, and nothing behind it. */
export function cutAt(image: Image, size: number): Image {
  const count = Math.ceil(size / CHUNK_BYTES);
  const chunks = image.chunks.slice(0, count);
  const last = chunks[count - 1];
  const rest = size % CHUNK_BYTES;
  if (rest > 0 && last !== undefined && last !== ZEROS && Buffer.compare(last.subarray(rest), ZEROS.subarray(rest)) !== 0) {
    const cut = newChunk();
    cut.set(last.subarray(0, rest));
    chunks[count - 1] = cut;
  }
  return { size, chunks };
}

/**
 * The chunks of an image with sectors taken from another one.
 *
 * @param keep - Which of the sectors are taken, by their index among them; `undefined`: all.
 */
export function withSectors(
  chunks: Image["chunks"],
  source: Image,
  { first, count, bytes }: { readonly first: number; readonly count: number; readonly bytes: number },
  keep: ((index: number) => boolean) | undefined,
): Image["chunks"] {
  const result = chunks.slice();
  const perChunk = CHUNK_BYTES / bytes;
  const last = first + count - 1;
  for (let index = Math.floor(first / perChunk); index * perChunk <= last; index += 1) {
    while (result.length < index) result.push(undefined);
    const kept: number[] = [];
    for (let at = Math.max(first, index * perChunk); at <= last && at < (index + 1) * perChunk; at += 1) {
      if (keep === undefined || keep(at - first)) kept.push(at - index * perChunk);
    }
    result[index] = mergedChunk(result[index], source.chunks[index], kept, bytes);
  }
  return result;
}

/** Copies up to `length` bytes from `position` on into `buffer` at `offset`. Answers how many. */
export function readFrom(image: Image, buffer: Uint8Array, offset: number, length: number, position: number): number {
  const end = Math.min(image.size, position + length);
  for (let at = position; at < end; ) {
    const index = Math.floor(at / CHUNK_BYTES);
    const from = at - index * CHUNK_BYTES;
    const until = Math.min(CHUNK_BYTES, end - index * CHUNK_BYTES);
    const chunk = image.chunks[index];
    const to = offset + at - position;
    if (chunk === undefined || chunk === ZEROS) buffer.fill(0, to, to + until - from);
    else buffer.set(from === 0 && until === CHUNK_BYTES ? chunk : chunk.subarray(from, until), to);
    at += until - from;
  }
  return Math.max(0, end - position);
}

/** All bytes of an image, in an array of its own. */
export function bytesOf(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.size);
  readFrom(image, bytes, 0, image.size, 0);
  return bytes;
}

/** How many bytes of the disk the image takes. */
export function allocatedBytes(image: Image): number {
  let count = 0;
  for (const chunk of image.chunks) if (chunk !== undefined) count += 1;
  return count * CHUNK_BYTES;
}

/** All zeros that were written share this chunk. It is compared by identity and never written. */
const ZEROS = new Uint8Array(CHUNK_BYTES);

function mergedChunk(
  old: Uint8Array | undefined,
  source: Uint8Array | undefined,
  kept: readonly number[],
  sectorBytes: number,
): Uint8Array | undefined {
  if (old === source || kept.length === 0) return old;
  if (kept.length * sectorBytes === CHUNK_BYTES) return source;
  const chunk = newChunk();
  if (old !== undefined) chunk.set(old);
  for (const at of kept) {
    const start = at * sectorBytes;
    if (source === undefined) chunk.fill(0, start, start + sectorBytes);
    else chunk.set(source.subarray(start, start + sectorBytes), start);
  }
  return chunk;
}

function withPart(old: Uint8Array | undefined, part: Uint8Array, at: number): Uint8Array {
  if (part.byteLength === CHUNK_BYTES && Buffer.compare(part, ZEROS) === 0) return ZEROS;
  const chunk = newChunk();
  if (old !== undefined && part.byteLength < CHUNK_BYTES) chunk.set(old);
  chunk.set(part, at);
  return chunk;
}

/**
 * Chunks are cut from slabs: an array buffer of its own for each would cost more than everything else that a write does.
 * A slab is handed out once, so a new chunk is zero.
 */
function newChunk(): Uint8Array {
  if (slabUsed === SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const chunk = new Uint8Array(slab, slabUsed, CHUNK_BYTES);
  slabUsed += CHUNK_BYTES;
  return chunk;
}

const SLAB_BYTES = 64 * CHUNK_BYTES;
let slab = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;
