import { Window } from "../window.js";
import { Block, isReadable } from "./block.js";
import type { BlockPlace } from "./block.js";

/** Kinds of frames in a slot. `begin` is not among them: it lies in a block of its own, see {@link Segment}. */
export const FrameKind = { none: 0, commit: 1, marker: 3, seal: 4, trim: 5 } as const;

/** One place for a frame in a segment: two blocks for a commit (header and body), one for the other kinds (header). */
export class Frame extends Window {
  static readonly size = 6;
  /** Place in the segment, from 0. */
  readonly index: number;
  readonly headerPlace: BlockPlace;
  readonly bodyPlace: BlockPlace;

  constructor(bytes: Uint8Array, offset: number, segment: number, index: number) {
    super(bytes, offset);
    this.index = index;
    this.headerPlace = { offset: offset + 4, segment, frame: index, part: "header" };
    this.bodyPlace = { offset: offset + 5, segment, frame: index, part: "body" };
  }

  /** One of {@link FrameKind}. */
  get kind(): number { return this.get(0); }
  set kind(value: number) { this.set(0, value); }

  /** Of a commit: its sequence number (a commit has one record). Of a trim: the floor, the first sequence number that is kept. */
  get seq(): number { return this.get(1); }
  set seq(value: number) { this.set(1, value); }

  /** Of a commit: its record. Of a trim: the number of the lowest segment that is kept. */
  get value(): number { return this.get(2); }
  set value(value: number) { this.set(2, value); }

  /** How many frames of the segment its writer knew to be durable before it wrote this one. */
  get durableThrough(): number { return this.get(3); }
  set durableThrough(value: number) { this.set(3, value); }

  /** One of {@link Block}. */
  get header(): number { return this.get(4); }
  set header(value: number) { this.set(4, value); }

  /** One of {@link Block}. Only commits have a body. */
  get body(): number { return this.get(5); }
  set body(value: number) { this.set(5, value); }

  /** Its header reads as it was written. True whether or not the body does: such a header is evidence. */
  get hasValidHeader(): boolean { return this.kind !== FrameKind.none && isReadable(this.header); }

  /** Header and body read as they were written. */
  get isValid(): boolean { return this.hasValidHeader && (this.kind !== FrameKind.commit || isReadable(this.body)); }

  /** Something else than zeros is to be read here. */
  get isTouched(): boolean { return this.header !== Block.zero || this.body !== Block.zero; }

  /** The blocks that a frame of its kind has. */
  get places(): readonly BlockPlace[] {
    return this.kind === FrameKind.commit ? [this.headerPlace, this.bodyPlace] : [this.headerPlace];
  }

  /** Sets all blocks that a frame of its kind has. */
  setBlocks(block: number): void {
    this.header = block;
    if (this.kind === FrameKind.commit) this.body = block;
  }
}
