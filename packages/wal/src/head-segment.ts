import { crc32c } from "@holdfast/bytes";
import type { StorageBackend, StorageKey } from "@holdfast/storage";
import { decodeTrimBody, FrameKind, newFrameHeader, type FrameCheck } from "./format/segment.js";
import type { SegmentIndex } from "./segment-index.js";
import { walkFrames, type ReadableSegment } from "./segment-reader.js";

/**
 * The newest segment of a log that another process writes. Grows by what its frames vouch for: a frame may be read when a later
 * one states that it was durable.
 */
export class HeadSegment implements ReadableSegment {
  readonly number: number;
  readonly key: StorageKey;
  readonly check: FrameCheck;
  readonly commitAlignBytes: 8 | 4096;
  readonly firstSeq: number;
  readonly index: SegmentIndex;
  readonly #storage: StorageBackend;
  #provenBytes: number;
  #lastSeq: number;
  /** Where the walk stands: the end of the last valid frame, and the last sequence number below it. */
  #end: number;
  #endSeq: number;
  /** Ends of the walked frames that nothing vouches for yet, with the last sequence number below each. */
  #unproven: { readonly end: number; readonly lastSeq: number; readonly floorSeq: number }[] = [];
  #floorSeq: number;
  #looksWithoutProgress = 0;

  constructor(storage: StorageBackend, segment: ReadableSegment, floorSeq: number) {
    this.number = segment.number;
    this.key = segment.key;
    this.check = segment.check;
    this.commitAlignBytes = segment.commitAlignBytes;
    this.firstSeq = segment.firstSeq;
    this.index = segment.index;
    this.#storage = storage;
    this.#provenBytes = segment.provenBytes;
    this.#lastSeq = segment.lastSeq;
    this.#end = segment.provenBytes;
    this.#endSeq = segment.lastSeq;
    this.#floorSeq = floorSeq;
  }

  get provenBytes(): number {
    return this.#provenBytes;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The largest floor that a proven trim frame states. */
  get floorSeq(): number {
    return this.#floorSeq;
  }

  /** Reads what was appended. Answers `false` if the whole log should be looked at again: the file has gone, or seems stuck. */
  async extend(): Promise<boolean> {
    const frame = newFrameHeader();
    for (let windowBytes = WINDOW_BYTES; ; ) {
      const offset = this.#end;
      const bytes = await this.#storage.read(this.key, { range: { offset, length: windowBytes } });
      if (bytes === undefined) return false;
      let proven = this.#provenBytes;
      const walked = walkFrames(this, bytes, offset, Infinity, frame, (header, at, start, stop) => {
        const body = bytes.subarray(start, stop);
        if (header.bodyBytes > 0 && crc32c(body, this.check.seedAt(at)) !== header.bodyCrc) return "the body is not whole";
        if (header.firstSeq !== this.#endSeq + 1) return "the sequence does not go on";
        this.#endSeq = header.firstSeq + header.recordCount - 1;
        const floor = header.kind === FrameKind.trim ? decodeTrimBody(bytes, start, header.firstSeq, this.number) : undefined;
        this.#end = offset + stop;
        this.#unproven.push({ end: this.#end, lastSeq: this.#endSeq, floorSeq: floor?.seq ?? 0 });
        proven = Math.max(proven, header.durableThrough);
        return undefined;
      });
      this.#prove(proven);
      if (walked.next > offset) {
        this.#looksWithoutProgress = 0;
        continue;
      }
      if (bytes.length === windowBytes && walked.needs > windowBytes) {
        windowBytes = walked.needs;
        continue;
      }
      // Zeros or nothing: the end. Something else is a frame that is being written, or damage, which a full look tells apart.
      if (bytes.some((byte) => byte !== 0)) this.#looksWithoutProgress++;
      if (this.#looksWithoutProgress < LOOKS_BEFORE_DOUBT) return true;
      this.#looksWithoutProgress = 0;
      return false;
    }
  }

  #prove(proven: number): void {
    let count = 0;
    for (const one of this.#unproven) {
      if (one.end > proven) break;
      this.#provenBytes = one.end;
      this.#lastSeq = one.lastSeq;
      this.#floorSeq = Math.max(this.#floorSeq, one.floorSeq);
      count++;
    }
    if (count > 0) this.#unproven.splice(0, count);
  }
}

const WINDOW_BYTES = 256 * 1024;
const LOOKS_BEFORE_DOUBT = 20;
