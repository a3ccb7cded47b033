import { BytesError, requireInteger } from "./errors.js";
import { decodeUtf8At } from "./utf8.js";

/**
 * Reads values one after the other from bytes that nobody has checked. Little endian; the methods that end in `BE` are big
 * endian. Every method either answers and moves `offset` behind what it read, or throws a {@link BytesError} and moves
 * nothing. None allocates more than the bytes hold, whatever they say.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #offset: number;

  /**
   * @param bytes - Not copied.
   * @param start - First byte, default 0.
   * @param end - Behind the last byte, default the end of `bytes`. `0 ≤ start ≤ end ≤ bytes.length`, else BYTES_OUT_OF_RANGE.
   */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    requireInteger("ByteReader", "end", end, bytes.length);
    requireInteger("ByteReader", "start", start, end);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = start;
    this.#end = end;
  }

  /** Where the next value is read, from the start of `bytes`. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes from `offset` to the end. */
  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take("u8", 1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take("u16", 2), true);
  }

  u16BE(): number {
    return this.#view.getUint16(this.#take("u16BE", 2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take("u32", 4), true);
  }

  u32BE(): number {
    return this.#view.getUint32(this.#take("u32BE", 4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take("u64", 8), true);
  }

  u64BE(): bigint {
    return this.#view.getBigUint64(this.#take("u64BE", 8));
  }

  /** A u64 as a number. Beyond 2^53 − 1: BYTES_OUT_OF_RANGE. */
  u64Safe(): number {
    const at = this.#take("u64Safe", 8);
    const high = this.#view.getUint32(at + 4, true);
    if (high > MAX_SAFE_HIGH) {
      this.#offset = at;
      throw new BytesError("BYTES_OUT_OF_RANGE", `the u64 at ${at} is beyond 2^53 - 1`, { operation: "u64Safe", offset: at });
    }
    return high * 2 ** 32 + this.#view.getUint32(at, true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take("i64", 8), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take("f64", 8), true);
  }

  /** The next `length` bytes as a view: valid as long as the input is not changed. */
  bytes(length: number): Uint8Array {
    requireInteger("bytes", "length", length);
    const at = this.#take("bytes", length);
    return this.#bytes.subarray(at, at + length);
  }

  /** The next `length` bytes as strict UTF-8, see `decodeUtf8`. */
  utf8(length: number): string {
    const at = this.#offset;
    const bytes = this.bytes(length);
    try {
      return decodeUtf8At(bytes, at);
    } catch (error) {
      this.#offset = at;
      throw error;
    }
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    requireInteger("skip", "length", length);
    this.#take("skip", length);
  }

  /**
   * Refuses a count that the bytes cannot hold, so that a hostile one never becomes an allocation or a long loop.
   *
   * @param count - How many items the input says will follow: a safe integer ≥ 0.
   * @param minItemBytes - The fewest bytes that one item takes, at least 1.
   * @returns `count`.
   * @throws BYTES_TRUNCATED if the items cannot all be there.
   */
  count(count: number, minItemBytes: number): number {
    requireInteger("count", "count", count);
    requireInteger("count", "minItemBytes - 1", minItemBytes - 1);
    if (count > Math.floor(this.remaining / minItemBytes)) {
      throw this.#truncated("count", Math.min(count * minItemBytes, Number.MAX_SAFE_INTEGER));
    }
    return count;
  }

  #take(operation: string, length: number): number {
    const at = this.#offset;
    if (length > this.#end - at) throw this.#truncated(operation, length);
    this.#offset = at + length;
    return at;
  }

  #truncated(operation: string, needed: number): BytesError {
    const { offset, remaining } = this;
    return new BytesError("BYTES_TRUNCATED", `${operation} at ${offset} needs ${needed} bytes, ${remaining} are left`, {
      operation,
      offset,
      needed,
      remaining,
    });
  }
}

/** The upper 32 bits of 2^53 − 1. */
const MAX_SAFE_HIGH = 2 ** 21 - 1;
