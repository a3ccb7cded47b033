import { Window } from "../window.js";
import type { BlockPlace } from "./block.js";
import { Frame } from "./frame.js";

/** Frames of a segment, at most; configurations bound them more tightly. */
export const MAX_FRAMES = 4;

/** A file of the log. */
export class Segment extends Window {
  static readonly size: number = 11 + MAX_FRAMES * Frame.size;
  readonly number: number;
  readonly frames: readonly Frame[];
  readonly headerPlace: BlockPlace;
  readonly beginPlace: BlockPlace;
  /** The blocks of all frames, in the order in which they lie in the file. */
  readonly framePlaces: readonly BlockPlace[];
  /** All blocks, in the same order. */
  readonly places: readonly BlockPlace[];

  constructor(bytes: Uint8Array, offset: number, number: number) {
    super(bytes, offset);
    this.number = number;
    this.frames = Array.from(
      { length: MAX_FRAMES },
      (_, index) => new Frame(bytes, offset + 11 + index * Frame.size, number, index),
    );
    this.headerPlace = { offset: offset + 2, segment: number, frame: undefined, part: "segment header" };
    this.beginPlace = { offset: offset + 3, segment: number, frame: undefined, part: "begin" };
    this.framePlaces = this.frames.flatMap((frame) => [frame.headerPlace, frame.bodyPlace]);
    this.places = [this.headerPlace, this.beginPlace, ...this.framePlaces];
  }

  /** Its directory entry is listed. */
  get inView(): boolean { return this.get(0) === 1; }
  set inView(value: boolean) { this.set(0, value ? 1 : 0); }

  /** Its directory entry is what power loss leaves. */
  get onDisk(): boolean { return this.get(1) === 1; }
  set onDisk(value: boolean) { this.set(1, value ? 1 : 0); }

  /** The segment header, one of {@link Block}. */
  get header(): number { return this.get(2); }
  set header(value: number) { this.set(2, value); }

  /** The begin frame, one of {@link Block}. The six numbers below are its content. */
  get begin(): number { return this.get(3); }
  set begin(value: number) { this.set(3, value); }

  /** One of {@link Fill}. */
  get fill(): number { return this.get(4); }
  set fill(value: number) { this.set(4, value); }

  /** Number of the segment before this one, 0 if this is the log's first. */
  get predecessor(): number { return this.get(5); }
  set predecessor(value: number) { this.set(5, value); }

  /** `provenBytes`, counted in frames: history in the predecessor ends there. */
  get predecessorEnd(): number { return this.get(6); }
  set predecessorEnd(value: number) { this.set(6, value); }

  /** Last sequence number below {@link predecessorEnd}. */
  get predecessorLastSeq(): number { return this.get(7); }
  set predecessorLastSeq(value: number) { this.set(7, value); }

  /** Last sequence number that is copied here from unproven frames; equals {@link predecessorLastSeq} if there are none. */
  get inheritedThrough(): number { return this.get(8); }
  set inheritedThrough(value: number) { this.set(8, value); }

  get floorSeq(): number { return this.get(9); }
  set floorSeq(value: number) { this.set(9, value); }

  get floorNumber(): number { return this.get(10); }
  set floorNumber(value: number) { this.set(10, value); }

  /** The frame at `index`, 0 to {@link MAX_FRAMES} − 1. */
  frame(index: number): Frame {
    const frame = this.frames[index];
    if (frame === undefined) throw new RangeError(`A segment has no frame ${index}.`);
    return frame;
  }

  /** The file and everything in it is gone. */
  erase(): void { this.clear(0, Segment.size); }

  /** Forgets what a begin says that nobody can read any more. */
  eraseBeginContent(): void { this.clear(5, 11); }
}
