/**
 * The body of a commit: its records one after the other, each `u32 length ‖ bytes`. The object log stores the same body.
 */
import { readU32 } from "./little-endian.js";

/**
 * Walks the records of a body without allocating anything but what {@link RecordCursor.next} returns.
 *
 * ```ts
 * const cursor = new RecordCursor(body, 0, body.length, recordCount);
 * while (cursor.move()) use(cursor.start, cursor.end);
 * if (cursor.corrupt) …
 * ```
 */
export class RecordCursor {
  /** Start of the current record in `bytes`. */
  start: number;
  /** End of the current record in `bytes`. */
  end: number;
  /** Records that are still to come. */
  remaining: number;
  /**
   * Whether the body does not consist of exactly the records it should: a length goes beyond its end, or it does not end after
   * the last record. Known once {@link move} has answered false, and for ever then.
   */
  corrupt = false;
  readonly bytes: Uint8Array;
  readonly #bodyEnd: number;

  /** The body is `bytes[bodyStart..bodyEnd)` and should have `recordCount` records. Bounds beyond `bytes` are corrupt. */
  constructor(bytes: Uint8Array, bodyStart: number, bodyEnd: number, recordCount: number) {
    this.bytes = bytes;
    this.start = bodyStart;
    this.end = bodyStart;
    this.remaining = recordCount;
    this.#bodyEnd = bodyEnd;
    if (bodyEnd > bytes.length) this.#fail();
  }

  /** Goes to the next record. Answers false behind the last one and where the body is corrupt. */
  move(): boolean {
    if (this.remaining === 0) {
      if (this.end !== this.#bodyEnd) this.corrupt = true;
      return false;
    }
    const start = this.end + LENGTH_BYTES;
    if (start > this.#bodyEnd) return this.#fail();
    const end = start + readU32(this.bytes, this.end);
    if (end > this.#bodyEnd) return this.#fail();
    this.start = start;
    this.end = end;
    this.remaining -= 1;
    return true;
  }

  /** The next record as a view into `bytes`, or `undefined` where {@link move} answers false. */
  next(): Uint8Array | undefined {
    return this.move() ? this.bytes.subarray(this.start, this.end) : undefined;
  }

  #fail(): false {
    this.corrupt = true;
    this.remaining = 0;
    return false;
  }
}

/** Whether `bytes[bodyStart..bodyEnd)` is there and consists of exactly `recordCount` records. */
export function isWholeBody(bytes: Uint8Array, bodyStart: number, bodyEnd: number, recordCount: number): boolean {
  if (bodyEnd > bytes.length) return false;
  let at = bodyStart;
  for (let left = recordCount; left > 0; left -= 1) {
    if (at + LENGTH_BYTES > bodyEnd) return false;
    at += LENGTH_BYTES + readU32(bytes, at);
  }
  return at === bodyEnd;
}

/** All records of a body as views into it, or `undefined` if the body does not consist of exactly `recordCount` records. */
export function splitRecords(body: Uint8Array, recordCount: number): Uint8Array[] | undefined {
  const cursor = new RecordCursor(body, 0, body.length, recordCount);
  const records: Uint8Array[] = [];
  for (let record = cursor.next(); record !== undefined; record = cursor.next()) records.push(record);
  return cursor.corrupt ? undefined : records;
}

/** Bytes before each record of a body. */
const LENGTH_BYTES = 4;
