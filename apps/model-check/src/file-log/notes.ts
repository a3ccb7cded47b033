import { Window } from "../window.js";

/** The checker's notes on a history: what was promised in it, and what may still happen. */

/** What was promised to whom. Not part of the protocol: the checker's own notes. Values are numbered in the order of appending. */
export class Promises extends Window {
  static readonly size = 16;
  /** By sequence number: the record that was acknowledged as durable or was delivered; 0 for none. */
  readonly durable: Uint8Array;
  /** By sequence number: the record that a relaxed append acknowledged, and that must survive process crashes; 0 for none. */
  readonly relaxed: Uint8Array;

  constructor(bytes: Uint8Array, offset: number) {
    super(bytes, offset);
    this.durable = bytes.subarray(offset + 3, offset + 9);
    this.relaxed = bytes.subarray(offset + 9, offset + 15);
  }

  /** Bit set of the records that an open reported as not kept. */
  get gone(): number { return this.get(0); }
  set gone(value: number) { this.set(0, value); }

  /** Floor of the newest acknowledged trim. */
  get floorSeq(): number { return this.get(1); }
  set floorSeq(value: number) { this.set(1, value); }

  /** The record that is appended next. */
  get nextValue(): number { return this.get(2); }
  set nextValue(value: number) { this.set(2, value); }

  /** Bit set of the sequence numbers whose record was proven durable at some time. Kept only where a configuration asks for it. */
  get proven(): number { return this.get(15); }
  set proven(value: number) { this.set(15, value); }
}

/** What may still happen. */
export class Budget extends Window {
  static readonly size = 6;

  get processCrashes(): number { return this.get(0); }
  set processCrashes(value: number) { this.set(0, value); }

  get powerLosses(): number { return this.get(1); }
  set powerLosses(value: number) { this.set(1, value); }

  /** Writes and syncs that fail. */
  get failures(): number { return this.get(2); }
  set failures(value: number) { this.set(2, value); }

  get damages(): number { return this.get(3); }
  set damages(value: number) { this.set(3, value); }

  get trims(): number { return this.get(4); }
  set trims(value: number) { this.set(4, value); }

  /** There was damage, so an open may be refused. */
  get damaged(): boolean { return this.get(5) === 1; }
  set damaged(value: boolean) { this.set(5, value ? 1 : 0); }
}
