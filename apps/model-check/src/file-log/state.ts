import { Reader, Writer, Zombie } from "./actors.js";
import type { BlockPlace } from "./block.js";
import { Budget, Promises } from "./notes.js";
import { Segment } from "./segment.js";

/**
 * One state of the model, packed into bytes so that millions of them can be stored and compared. Its parts are windows onto the
 * bytes: `state.segment(2).frame(0).header = Block.durable` writes one byte.
 *
 * View and disk are kept apart for every block and every directory entry. The view is what `read` and `readdir` return; the
 * disk is what power loss leaves.
 */

/** Segments of every state. What needs more stops there; configurations bound the rest more tightly. */
export const MAX_SEGMENTS = 6;

/** The largest sequence number of every state. */
export const MAX_SEQ = 5;

/** Everything that there is: files, processes, and the checker's notes. */
export class State {
  /** The state as the search stores it. */
  readonly words: Uint32Array = new Uint32Array(STATE_WORDS);
  /** Ascending by number, from 1. */
  readonly segments: readonly Segment[];
  /** The same, newest first. */
  readonly newestFirst: readonly Segment[];
  readonly writer: Writer;
  readonly promises: Promises;
  readonly budget: Budget;
  readonly reader: Reader;
  readonly zombie: Zombie;
  private readonly bytes: Uint8Array;

  constructor() {
    const bytes = new Uint8Array(this.words.buffer);
    this.bytes = bytes;
    this.segments = Array.from({ length: MAX_SEGMENTS }, (_, index) => new Segment(bytes, index * Segment.size, index + 1));
    this.newestFirst = this.segments.toReversed();
    let offset = MAX_SEGMENTS * Segment.size;
    this.writer = new Writer(bytes, offset);
    offset += Writer.size;
    this.promises = new Promises(bytes, offset);
    offset += Promises.size;
    this.budget = new Budget(bytes, offset);
    offset += Budget.size;
    this.reader = new Reader(bytes, offset);
    offset += Reader.size;
    this.zombie = new Zombie(bytes, offset);
  }

  /** The segment `number`, 1 to {@link MAX_SEGMENTS}. */
  segment(number: number): Segment {
    const segment = this.segments[number - 1];
    if (segment === undefined) throw new RangeError(`There is no segment ${number}.`);
    return segment;
  }

  /** The block at `place`, one of {@link Block}. */
  block(place: BlockPlace): number {
    return at(this.bytes, place.offset);
  }

  setBlock(place: BlockPlace, block: number): void {
    this.bytes[place.offset] = block;
  }

  /** The largest number listed, 0 if there is no segment. */
  get newestNumber(): number {
    for (const segment of this.newestFirst) if (segment.inView) return segment.number;
    return 0;
  }
}

const STATE_BYTES =
  MAX_SEGMENTS * Segment.size + Writer.size + Promises.size + Budget.size + Reader.size + Zombie.size;

/** Length of a state in 32-bit words. */
export const STATE_WORDS: number = Math.ceil(STATE_BYTES / 4);

/** The byte at `index`; callers stay inside. It is inlined everywhere, and `?? 0` costs nothing: measured, see README.md. */
export function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
