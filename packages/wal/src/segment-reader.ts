import { crc32c } from "@holdfast/bytes";
import type { StorageBackend, StorageKey } from "@holdfast/storage";
import type { CommitCursor, CommitRange, StoredCommit } from "./device.js";
import { WalError } from "./errors.js";
import { readFailed } from "./file-recovery.js";
import {
  BLOCK_BYTES,
  decodeFrameHeader,
  FIRST_FRAME_OFFSET,
  FRAME_HEADER_BYTES,
  FrameKind,
  newFrameHeader,
  place,
  roundUp,
  type FrameCheck,
  type FrameHeader,
} from "./format/segment.js";
import { trimmed } from "./read.js";
import type { SegmentIndex } from "./segment-index.js";

/** A segment of the log's history, as far as it is proven to be durable. */
export interface ReadableSegment {
  readonly number: number;
  readonly key: StorageKey;
  readonly check: FrameCheck;
  readonly commitAlignBytes: 8 | 4096;
  /** Sequence number of its first record, if it has one. */
  readonly firstSeq: number;
  /** Last sequence number below `provenBytes`; `firstSeq − 1` if it has no record. */
  readonly lastSeq: number;
  /** What may be read: the end of a frame. */
  readonly provenBytes: number;
  readonly index: SegmentIndex;
}

/** A log's history in files. */
export interface SegmentHistory {
  readonly storage: StorageBackend;
  /** Ascending; sequence numbers without a gap from one to the next. Older ones may still have to be reached. */
  segments(): readonly ReadableSegment[];
  /** Makes {@link segments} go back to the one that holds `seq`. */
  reach(seq: number): Promise<void>;
  firstSeq(): number;
  /** Looks again what is there, before a segment that has gone is called missing. */
  refresh(): Promise<void>;
}

/** Reads the commits of a range out of the segments, in windows; the next window is read while the last one is used. */
export function readSegments(history: SegmentHistory, range: CommitRange): CommitCursor {
  return range.reverse ? new BackwardCursor(history, range) : new ForwardCursor(history, range);
}

class ForwardCursor implements CommitCursor {
  readonly #history: SegmentHistory;
  readonly #range: CommitRange;
  readonly #frame: FrameHeader = newFrameHeader();
  #seq: number;
  #segment: ReadableSegment | undefined;
  #offset = 0;
  #windowBytes = FIRST_WINDOW_BYTES;
  #ahead: { readonly segment: ReadableSegment; readonly offset: number; readonly bytes: Promise<Uint8Array | undefined> } | undefined;

  constructor(history: SegmentHistory, range: CommitRange) {
    this.#history = history;
    this.#range = range;
    this.#seq = range.from;
  }

  async next(): Promise<readonly StoredCommit[] | undefined> {
    while (this.#seq <= this.#range.to) {
      this.#range.signal?.throwIfAborted();
      const segment = await this.#enter();
      if (segment === undefined) return undefined;
      const commits = await this.#readWindow(segment);
      if (commits.length > 0) return commits;
    }
    return undefined;
  }

  /** The segment that holds the next record, with the offset set; `undefined` at the end of the history. */
  async #enter(): Promise<ReadableSegment | undefined> {
    const inside = this.#segment;
    if (inside !== undefined && this.#seq <= inside.lastSeq) return inside;
    await this.#history.reach(this.#seq);
    const segments = this.#history.segments();
    const segment = segments[findSegment(segments, this.#seq)];
    if (segment === undefined || this.#seq > segment.lastSeq) {
      if (this.#seq < this.#history.firstSeq()) throw trimmed("read", this.#seq, this.#history.firstSeq());
      return undefined;
    }
    if (segment !== inside) {
      this.#segment = segment;
      this.#offset = segment.index.find(this.#seq) ?? FIRST_FRAME_OFFSET;
    }
    return segment;
  }

  async #readWindow(segment: ReadableSegment): Promise<readonly StoredCommit[]> {
    const limit = segment.provenBytes;
    const offset = this.#offset;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    let bytes = await (ahead?.segment === segment && ahead.offset === offset ? ahead.bytes : this.#read(segment, offset, limit));
    for (let again = false; ; again = true) {
      if (bytes === undefined) {
        await this.#leave(segment);
        return [];
      }
      const walked = this.#walk(segment, bytes, offset, limit);
      if (walked.next > offset) {
        // The headers say where the next window begins: it is read while the bodies of this one are checked and used.
        if (this.#windowBytes < LAST_WINDOW_BYTES) this.#windowBytes *= 4;
        this.#readAhead(segment, walked.next, limit);
      }
      const found = this.#checked(segment, walked);
      if (found.commits.length > 0 || found.next > offset) {
        this.#offset = found.next;
        return found.commits;
      }
      if (found.needs > bytes.length && offset + found.needs <= limit) {
        // One frame larger than the window: exactly it.
        bytes = await this.#read(segment, offset, limit, found.needs);
        if (bytes !== undefined && bytes.length >= found.needs) {
          again = false;
          continue;
        }
      }
      // What is proven must be there. It is read once more, since another process may have been writing beside it.
      if (again) throw corrupt(segment, found.next, found.reason);
      bytes = await this.#read(segment, offset, limit, Math.max(found.needs, this.#windowBytes));
    }
  }

  #readAhead(segment: ReadableSegment, offset: number, limit: number): void {
    if (offset >= limit || this.#seq > this.#range.to || this.#seq > segment.lastSeq) return;
    const bytes = this.#read(segment, offset, limit);
    bytes.catch(() => undefined); // Thrown where it is awaited; a loop that was left never asks.
    this.#ahead = { segment, offset, bytes };
  }

  #read(segment: ReadableSegment, offset: number, limit: number, length = this.#windowBytes): Promise<Uint8Array | undefined> {
    const range = { offset, length: Math.min(length, limit - offset) };
    return this.#history.storage.read(segment.key, { range, signal: this.#range.signal }).catch((error: unknown) => {
      throw readFailed(error, segment.key);
    });
  }

  /** The file has gone: it was trimmed, or another one has taken its place, or it is missing. */
  async #leave(segment: ReadableSegment): Promise<void> {
    await this.#history.refresh();
    const firstSeq = this.#history.firstSeq();
    if (this.#seq < firstSeq) throw trimmed("read", this.#seq, firstSeq);
    const segments = this.#history.segments();
    if (segments[findSegment(segments, this.#seq)]?.number === segment.number) throw segmentMissing(segment.key);
    this.#segment = undefined;
  }

  /** The commits in a window that hold records of the range, going by their headers, and where the walk ended. */
  #walk(segment: ReadableSegment, bytes: Uint8Array, offset: number, limit: number): Window {
    const fromSeq = this.#seq;
    const commits: StoredCommit[] = [];
    const bodyCrcs: number[] = [];
    const ends: number[] = [];
    let end = offset;
    const walked = walkFrames(segment, bytes, offset, limit, this.#frame, (frame, at, start, stop) => {
      const before = end;
      end = offset + stop;
      if (frame.kind !== FrameKind.commit) return undefined;
      if (this.#seq > this.#range.to) return "enough";
      const { firstSeq, recordCount, committedAtMs } = frame;
      const lastSeq = firstSeq + recordCount - 1;
      if (lastSeq >= this.#seq) {
        if (firstSeq > this.#seq) return `record ${this.#seq} is not where it must be`;
        commits.push({ firstSeq, recordCount, committedAtMs, bytes, start, end: stop, key: segment.key, offset: at });
        bodyCrcs.push(frame.bodyCrc);
        ends.push(before);
        this.#seq = lastSeq + 1;
      }
      segment.index.add(firstSeq, at);
      return undefined;
    });
    return { ...walked, fromSeq, commits, bodyCrcs, ends };
  }

  /** What was walked over, up to the first commit whose body is not the one that its header names. */
  #checked({ check }: ReadableSegment, walked: Window): WalkEnd & { readonly commits: readonly StoredCommit[] } {
    const { commits, bodyCrcs, ends, fromSeq } = walked;
    for (const [index, { bytes, start, end, offset, firstSeq }] of commits.entries()) {
      if (crc32c(bytes.subarray(start, end), check.seedAt(offset)) === bodyCrcs[index]) continue;
      this.#seq = Math.max(fromSeq, firstSeq);
      return { commits: commits.slice(0, index), next: ends[index] ?? offset, needs: 0, reason: "the checksum of a commit does not fit" };
    }
    return walked;
  }
}

/** A window, walked over by its headers. */
interface Window extends WalkEnd {
  /** The first sequence number that was asked for. */
  readonly fromSeq: number;
  readonly commits: readonly StoredCommit[];
  /** Of each commit the checksum that its body must have, and where the frame before it ends. */
  readonly bodyCrcs: readonly number[];
  readonly ends: readonly number[];
}

/** Reads stretches of about an index point forward, the last one first, and turns each around. */
class BackwardCursor implements CommitCursor {
  readonly #history: SegmentHistory;
  readonly #range: CommitRange;
  #to: number;

  constructor(history: SegmentHistory, range: CommitRange) {
    this.#history = history;
    this.#range = range;
    this.#to = range.to;
  }

  async next(): Promise<readonly StoredCommit[] | undefined> {
    if (this.#to < this.#range.from) return undefined;
    await this.#history.reach(this.#to);
    const segments = this.#history.segments();
    const segment = segments[findSegment(segments, this.#to)];
    if (segment === undefined || this.#to > segment.lastSeq) {
      const firstSeq = this.#history.firstSeq();
      if (this.#to < firstSeq) throw trimmed("read", this.#to, firstSeq);
      return undefined;
    }
    const lowest = Math.max(this.#range.from, segment.firstSeq);
    const from = Math.max(lowest, await this.#stretchStart(segment));
    const stretch = new ForwardCursor(this.#history, { from, to: this.#to, reverse: false, signal: this.#range.signal });
    const commits: StoredCommit[] = [];
    for (let chunk = await stretch.next(); chunk !== undefined; chunk = await stretch.next()) commits.push(...chunk);
    const first = commits[0];
    if (first === undefined) return undefined;
    this.#to = Math.max(first.firstSeq, this.#range.from) - 1;
    if (first.firstSeq <= this.#range.from) this.#to = this.#range.from - 1;
    return commits.reverse();
  }

  /** The sequence number at the index point before `#to`; walks the segment once if it was never walked that far. */
  async #stretchStart(segment: ReadableSegment): Promise<number> {
    const known = segment.index.seqBefore(this.#to);
    if (known !== undefined && segment.index.reaches(this.#to)) return known;
    const walk = new ForwardCursor(this.#history, { from: known ?? segment.firstSeq, to: this.#to, reverse: false, signal: this.#range.signal });
    while ((await walk.next()) !== undefined); // Only for the index points it leaves.
    return segment.index.seqBefore(this.#to) ?? segment.firstSeq;
  }
}

/** Where a walk over a window ended. */
export interface WalkEnd {
  /** End of the last frame that was walked over. */
  readonly next: number;
  /** Bytes from the window's start that the next frame needs, as far as is known. */
  readonly needs: number;
  /** Why it ended, if it was not the window's end. */
  readonly reason: string;
}

/**
 * Walks over the frames of a window: `bytes` begin at `offset` of the segment, which is the end of a frame, and history ends at
 * `limit`. Header checksums are checked here, bodies by `visit`, which is given each frame (the same object every time), its
 * offset in the file and its body's place in `bytes`, and may answer a reason to stop in front of it.
 */
export function walkFrames(
  segment: ReadableSegment,
  bytes: Uint8Array,
  offset: number,
  limit: number,
  frame: FrameHeader,
  visit: (frame: Readonly<FrameHeader>, at: number, start: number, stop: number) => string | undefined,
): WalkEnd {
  const { check, commitAlignBytes } = segment;
  let next = offset;
  while (next < limit) {
    let at = place(next, commitAlignBytes);
    if (decodeFrameHeader(bytes, at - offset, at, check, frame) === undefined) {
      const block = roundUp(next, BLOCK_BYTES);
      const isMark =
        block !== at &&
        decodeFrameHeader(bytes, block - offset, block, check, frame) !== undefined &&
        (frame.kind === FrameKind.marker || frame.kind === FrameKind.seal);
      if (!isMark) return { next, needs: Math.max(at, block) + FRAME_HEADER_BYTES - offset, reason: "no valid frame" };
      at = block;
    }
    const start = at + FRAME_HEADER_BYTES - offset;
    const stop = start + frame.bodyBytes;
    if (stop > bytes.length) return { next, needs: stop, reason: "a frame reaches beyond the proven end" };
    const reason = visit(frame, at, start, stop);
    if (reason !== undefined) return { next, needs: 0, reason };
    next = offset + stop;
  }
  return { next, needs: 0, reason: "" };
}

/** Position of the last segment that begins at or before `seq`, or −1. Of several that begin there the last one: those before are empty. */
export function findSegment(segments: readonly ReadableSegment[], seq: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((segments[middle]?.firstSeq ?? Infinity) <= seq) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The error of a segment that the log needs and that is not there. */
function segmentMissing(key: StorageKey): WalError {
  return new WalError("WAL_SEGMENT_MISSING", "a segment that the log needs is not there", { operation: "read", key });
}

/** The error of proven bytes that are not there any more. */
function corrupt(segment: ReadableSegment, offset: number, reason: string): WalError {
  return new WalError("WAL_CORRUPT", `what was durable is damaged: ${reason}`, { operation: "read", key: segment.key, offset });
}

const FIRST_WINDOW_BYTES = 64 * 1024;
const LAST_WINDOW_BYTES = 1024 * 1024;
