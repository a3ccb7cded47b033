import { BytesError, requireInteger } from "./errors.js";
import { requireU64 } from "./u64.js";
import { encodeUtf8 } from "./utf8.js";

/**
 * Where a {@link ByteWriter} writes: into an array of its own that grows up to `maxBytes` (0 to 2^32), starting with room for
 * `initialBytes` (default 256), or into an array that is given, from its start, and no further than its end.
 */
export type ByteWriterOptions =
  { readonly maxBytes: number; readonly initialBytes?: number | undefined } | { readonly into: Uint8Array };

/**
 * Writes values one after the other. Little endian; the methods that end in `BE` are big endian. Every method writes its
 * value exactly or throws a {@link BytesError} and writes nothing: BYTES_OUT_OF_RANGE for a value that the type cannot hold,
 * BYTES_TOO_LARGE at the bound.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #maxBytes: number;
  #length = 0;

  constructor(options: ByteWriterOptions) {
    if ("into" in options) {
      this.#maxBytes = options.into.length;
      this.#bytes = options.into;
    } else {
      const { maxBytes, initialBytes = 256 } = options;
      requireInteger("ByteWriter", "maxBytes", maxBytes, 2 ** 32);
      requireInteger("ByteWriter", "initialBytes", initialBytes);
      this.#maxBytes = maxBytes;
      this.#bytes = new Uint8Array(Math.min(initialBytes, maxBytes));
    }
    this.#view = viewOf(this.#bytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written so far, as a view: for a checksum over it. Valid until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  u8(value: number): void {
    requireInteger("u8", "value", value, 0xff);
    const at = this.#make("u8", 1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    requireInteger("u16", "value", value, 0xffff);
    const at = this.#make("u16", 2);
    this.#view.setUint16(at, value, true);
  }

  u16BE(value: number): void {
    requireInteger("u16BE", "value", value, 0xffff);
    const at = this.#make("u16BE", 2);
    this.#view.setUint16(at, value);
  }

  u32(value: number): void {
    requireInteger("u32", "value", value, 0xffff_ffff);
    const at = this.#make("u32", 4);
    this.#view.setUint32(at, value, true);
  }

  u32BE(value: number): void {
    requireInteger("u32BE", "value", value, 0xffff_ffff);
    const at = this.#make("u32BE", 4);
    this.#view.setUint32(at, value);
  }

  /** @param value - 0 to 2^64 − 1 as a bigint, or to 2^53 − 1 as a number. */
  u64(value: number | bigint): void {
    if (typeof value === "bigint") {
      requireU64("u64", value);
      const at = this.#make("u64", 8);
      this.#view.setBigUint64(at, value, true);
    } else {
      requireInteger("u64", "value", value);
      const at = this.#make("u64", 8);
      this.#view.setUint32(at, value % 2 ** 32, true);
      this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
    }
  }

  /** @param value - 0 to 2^64 − 1 as a bigint, or to 2^53 − 1 as a number. */
  u64BE(value: number | bigint): void {
    if (typeof value === "number") requireInteger("u64BE", "value", value);
    const exact = requireU64("u64BE", BigInt(value));
    const at = this.#make("u64BE", 8);
    this.#view.setBigUint64(at, exact);
  }

  /** @param value - −2^63 to 2^63 − 1. */
  i64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) {
      throw new BytesError("BYTES_OUT_OF_RANGE", "the value is not an integer from -2^63 to 2^63 - 1", { operation: "i64" });
    }
    const at = this.#make("i64", 8);
    this.#view.setBigInt64(at, value, true);
  }

  /** Any number; which NaN it is does not survive. */
  f64(value: number): void {
    const at = this.#make("f64", 8);
    this.#view.setFloat64(at, value, true);
  }

  /** Copies `bytes`. */
  bytes(bytes: Uint8Array): void {
    const at = this.#make("bytes", bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Writes `text` as UTF-8, without its length. A lone surrogate: BYTES_INVALID_UTF8. */
  utf8(text: string): void {
    this.bytes(encodeUtf8(text));
  }

  /** Writes `length` zero bytes, over whatever a given array held. */
  zeros(length: number): void {
    requireInteger("zeros", "length", length);
    const at = this.#make("zeros", length);
    this.#bytes.fill(0, at, at + length);
  }

  /**
   * Ends the writing and answers all that was written, as a view without a copy. It belongs to the caller; the writer takes
   * nothing more (BYTES_TOO_LARGE).
   */
  finish(): Uint8Array {
    this.#maxBytes = this.#length;
    return this.written;
  }

  /** Makes room for `length` bytes and answers where they go. May replace the array: look at it only afterwards. */
  #make(operation: string, length: number): number {
    const at = this.#length;
    const end = at + length;
    if (end > this.#maxBytes) {
      const remaining = this.#maxBytes - at;
      throw new BytesError("BYTES_TOO_LARGE", `${operation} at ${at} needs ${length} bytes, ${remaining} may still be written`, {
        operation,
        offset: at,
        needed: length,
        remaining,
      });
    }
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(Math.max(end, this.#bytes.length * 2), this.#maxBytes));
      grown.set(this.written);
      this.#bytes = grown;
      this.#view = viewOf(grown);
    }
    this.#length = end;
    return at;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
