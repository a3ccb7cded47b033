import { ByteReader, crc32c } from "@holdfast/bytes";
import { END_BYTES, MAX_BLOCK_BYTES } from "./encoder.js";
import { decodeHeader, HEADER_BYTES, HEADER_CRC_OFFSET, isUnsound, type SnapshotHeader } from "./header.js";

/**
 * What comes next in a snapshot. `more`: not enough bytes yet. After `end` there is nothing; `damaged` and `unsupported` are final.
 */
export type SnapshotPart =
  | { readonly kind: "more" }
  | { readonly kind: "header"; readonly header: SnapshotHeader }
  /** `payload` is a view of what was fed. */
  | { readonly kind: "block"; readonly payload: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "damaged" | "unsupported"; readonly offset: number; readonly reason: string };

/**
 * Reads a snapshot from pieces of any size. Pure and total: every sequence of bytes gives parts and then either `end` or why there is
 * none. A block is given out only when its checksum is right, and no length is believed beyond {@link MAX_BLOCK_BYTES}.
 */
export class SnapshotScanner {
  /** Fed and not used yet. */
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where `#bytes` begins in the snapshot. */
  #offset = 0;
  #crc = 0;
  #bodyBytes = 0;
  #state: "header" | "blocks" | "end" = "header";
  #failure: SnapshotPart | undefined;

  /** Gives the next bytes. They are not changed, and kept only while the part they belong to is incomplete. */
  feed(piece: Uint8Array): void {
    if (this.#bytes.length === 0) {
      this.#bytes = piece;
      return;
    }
    const joined = new Uint8Array(this.#bytes.length + piece.length);
    joined.set(this.#bytes);
    joined.set(piece, this.#bytes.length);
    this.#bytes = joined;
  }

  /** The next part, from what was fed. */
  next(): SnapshotPart {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#state === "header") return this.#header();
    if (this.#state === "blocks") return this.#block();
    return this.#bytes.length > 0 ? this.#damaged("bytes stand behind its end") : { kind: "end" };
  }

  /** What it means that nothing more will come: `end`, or the damage. */
  finish(): SnapshotPart {
    const part = this.next();
    return part.kind === "more" ? this.#damaged(this.#state === "header" ? "it ends inside its header" : "it ends before its end") : part;
  }

  #header(): SnapshotPart {
    if (this.#bytes.length < HEADER_BYTES) return MORE;
    const header = decodeHeader(this.#bytes);
    if (isUnsound(header)) return this.#fail(header.problem, header.reason);
    this.#crc = crc32c(this.#take(HEADER_BYTES).subarray(0, HEADER_CRC_OFFSET));
    this.#state = "blocks";
    return { kind: "header", header };
  }

  #block(): SnapshotPart {
    if (this.#bytes.length < 4) return MORE;
    const length = new ByteReader(this.#bytes).u32();
    if (length === 0) return this.#end();
    if (length > MAX_BLOCK_BYTES) return this.#damaged(`a block of ${length} bytes; it may have ${MAX_BLOCK_BYTES}`);
    if (this.#bytes.length < 4 + length + 4) return MORE;
    const crc = crc32c(this.#bytes.subarray(0, 4 + length), this.#crc);
    if (crc !== new ByteReader(this.#bytes, 4 + length).u32()) return this.#damaged("the checksum of a block is wrong");
    this.#crc = crc;
    this.#bodyBytes += length;
    return { kind: "block", payload: this.#take(4 + length + 4).subarray(4, 4 + length) };
  }

  #end(): SnapshotPart {
    if (this.#bytes.length < END_BYTES) return MORE;
    const reader = new ByteReader(this.#bytes);
    reader.skip(4);
    const bodyBytes = reader.u64();
    if (reader.u32() !== crc32c(this.#bytes.subarray(0, END_BYTES - 4), this.#crc)) return this.#damaged("the checksum of its end is wrong");
    if (bodyBytes !== BigInt(this.#bodyBytes)) return this.#damaged(`it holds ${this.#bodyBytes} bytes, and its end says ${bodyBytes.toString()}`);
    this.#take(END_BYTES);
    this.#state = "end";
    return this.next();
  }

  #take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    this.#offset += length;
    return taken;
  }

  #damaged(reason: string): SnapshotPart {
    return this.#fail("damaged", reason);
  }

  #fail(kind: "damaged" | "unsupported", reason: string): SnapshotPart {
    this.#failure = { kind, offset: this.#offset, reason };
    return this.#failure;
  }
}

const MORE: SnapshotPart = { kind: "more" };
