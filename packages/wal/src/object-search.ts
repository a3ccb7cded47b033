import { decodeObjectHeader, objectName, packName, seqAfter } from "./format/object.js";
import type { ObjectHistory } from "./object-history.js";
import { logKey, type PositionRange } from "./object-layout.js";
import { PackList } from "./object-packs.js";

/** What an object says of itself: the positions that it covers and its sequence numbers. */
export interface ObjectPlace extends PositionRange {
  readonly firstSeq: number;
  /** The sequence number behind it. */
  readonly nextSeq: number;
}

/**
 * Where to begin to read record `seq`, at least the first that is kept: a position whose object begins at or before it. Found by
 * halving the positions in question and reading headers. It is a hint: a claim that came late can mislead it, and the reader
 * notices.
 */
export async function locate(history: ObjectHistory, seq: number, signal: AbortSignal | undefined): Promise<number> {
  const { floor, firstSeq } = history.origin();
  const known = history.index.before(seq);
  let low = known === undefined || known.position <= floor ? { position: floor + 1, firstSeq } : known;
  let high = history.index.behind(seq)?.position ?? history.newest() + 1;
  while (low.firstSeq < seq && high - low.position > 1) {
    const place = await probe(history, Math.floor((low.position + high) / 2), signal);
    if (place === undefined) break;
    if (place.firstSeq > seq) high = place.first;
    else if (seq < place.nextSeq) return place.first;
    else low = { position: place.last + 1, firstSeq: place.nextSeq };
  }
  return low.position;
}

/** The object that covers a position, if it can be found now and is sound. */
export async function probe(history: ObjectHistory, position: number, signal: AbortSignal | undefined): Promise<ObjectPlace | undefined> {
  const { objects } = history;
  const held = history.held(position);
  const bytes = held ?? (await objects.readHeader(logKey(objects.prefix, position), signal));
  if (bytes !== undefined) return placeOf(bytes, objectName(position));
  const pack = await new PackList(objects, position - 1, signal).covering(position);
  if (pack === undefined) return undefined;
  const header = await objects.readHeader(pack.key, signal);
  return header === undefined ? undefined : placeOf(header, packName(pack.first, pack.last));
}

function placeOf(bytes: Uint8Array, name: string): ObjectPlace | undefined {
  const decoded = decodeObjectHeader(bytes, 0, name);
  if (decoded.state !== "valid") return undefined;
  const { firstPosition, lastPosition, firstSeq } = decoded.header;
  return { first: firstPosition, last: lastPosition, firstSeq, nextSeq: seqAfter(decoded.header) };
}
