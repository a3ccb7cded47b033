/**
 * One state of the model, packed into bytes so that millions of them can be stored and compared. The classes below are windows
 * onto the bytes: `state.segment(2).frame(0).header = Block.durable` writes one byte.
 *
 * View and disk are kept apart for every block and every directory entry. The view is what `read` and `readdir` return; the
 * disk is what power loss leaves.
 */

/** Bounds of every state. What needs more segments stops there; configurations bound the rest more tightly. */
export const MAX_SEGMENTS = 6;
export const MAX_FRAMES = 4;
export const MAX_SEQ = 5;

/** What can be said about one block of a file: how it reads now, and what power loss makes of it. */
export const Block = {
  /** Never written, or lost: zeros, in the view and on disk. */
  zero: 0,
  /** Written and readable, not synced. Power loss leaves zeros, all of it, or (in one configuration) garbage. */
  cached: 1,
  /** Readable, not on disk, and clean after a failed sync: a later sync does nothing. Evicted or lost with the power: zeros. */
  phantom: 2,
  /** Readable and on disk. */
  durable: 3,
  /** Was durable, is now unreadable nonsense. */
  damaged: 4,
  /** What power loss may leave of a cached block in place of its bytes. */
  garbage: 5,
} as const;

/** Whether the block reads as it was written. */
export function isReadable(block: number): boolean {
  return block >= Block.cached && block <= Block.durable;
}

/** One block of the log: where it lies in the bytes of a state, and which it is. */
export interface BlockPlace {
  readonly offset: number;
  /** Number of its segment. */
  readonly segment: number;
  /** Index of its frame; undefined for the blocks before the frames. */
  readonly frame: number | undefined;
  readonly part: "segment header" | "begin" | "header" | "body";
}

/** What the space behind a segment's header holds before a frame is written there. */
export const Fill = {
  none: 0,
  /** Zeros are being written ahead of use. Power loss leaves zeros or garbage. */
  inFlight: 1,
  garbage: 2,
} as const;

/** Kinds of frames in a slot. `begin` is not among them: it lies in a block of its own, see {@link Segment}. */
export const FrameKind = { none: 0, commit: 1, marker: 3, seal: 4, trim: 5 } as const;

/** What the writing process does next. */
export const Phase = {
  /** There is no writer. Next: open. */
  off: 0,
  /** The log is open: append, rotate, trim, close. */
  open: 1,
  /** Making a segment: its header is being written. */
  headerInFlight: 2,
  /** The header is durable. Next: sync the directory. */
  directoryUnsynced: 3,
  /** The entry is durable. Next: fill with zeros, or go on without. */
  filling: 4,
  /** The segment is made. Next: its begin. */
  beginDue: 5,
  beginInFlight: 6,
  /** Recovery copies the unproven frames, one after the other. */
  copying: 7,
  /** One frame of any kind is being written. */
  frameInFlight: 8,
  /** A trim is durable. Next: remove the segments below the floor. */
  removing: 9,
  /** No room to copy the unproven frames: read and trim only. */
  readOnly: 10,
  /** Opening was refused because of damage. Nothing more happens. */
  refused: 11,
  /** A segment is to be made. */
  creating: 12,
} as const;

/** Why a segment is being made. */
export const Goal = {
  append: 0,
  /** Recovery copies unproven frames into it. */
  copy: 1,
  /** Made ahead of its use. */
  ahead: 2,
  /** A trim whose floor stands in the begin. */
  trim: 3,
  /** The same on a full disk, before recovery copies. */
  trimAndCopy: 4,
  /** Recovery copies unproven frames, and the small head whose place the segment takes. */
  replace: 5,
  /** The first append needs a segment, and it takes the place of a small head. */
  replaceForAppend: 6,
} as const;

/** Whether a segment made for `goal` takes the place of the head. */
export function takesPlace(goal: number): boolean {
  return goal === Goal.replace || goal === Goal.replaceForAppend;
}

/** One place for a frame in a segment: two blocks for a commit (header and body), one for the other kinds (header). */
export class Frame {
  static readonly size = 6;
  /** Place in the segment, from 0. */
  readonly index: number;
  readonly headerPlace: BlockPlace;
  readonly bodyPlace: BlockPlace;
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  constructor(bytes: Uint8Array, offset: number, segment: number, index: number) {
    this.bytes = bytes;
    this.offset = offset;
    this.index = index;
    this.headerPlace = { offset: offset + 4, segment, frame: index, part: "header" };
    this.bodyPlace = { offset: offset + 5, segment, frame: index, part: "body" };
  }

  /** One of {@link FrameKind}. */
  get kind(): number { return at(this.bytes, this.offset); }
  set kind(value: number) { this.bytes[this.offset] = value; }

  /** Of a commit: its sequence number (a commit has one record). Of a trim: the floor, the first sequence number that is kept. */
  get seq(): number { return at(this.bytes, this.offset + 1); }
  set seq(value: number) { this.bytes[this.offset + 1] = value; }

  /** Of a commit: its record. Of a trim: the number of the lowest segment that is kept. */
  get value(): number { return at(this.bytes, this.offset + 2); }
  set value(value: number) { this.bytes[this.offset + 2] = value; }

  /** How many frames of the segment its writer knew to be durable before it wrote this one. */
  get durableThrough(): number { return at(this.bytes, this.offset + 3); }
  set durableThrough(value: number) { this.bytes[this.offset + 3] = value; }

  /** One of {@link Block}. */
  get header(): number { return at(this.bytes, this.offset + 4); }
  set header(value: number) { this.bytes[this.offset + 4] = value; }

  /** One of {@link Block}. Only commits have a body. */
  get body(): number { return at(this.bytes, this.offset + 5); }
  set body(value: number) { this.bytes[this.offset + 5] = value; }

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

/** A file of the log. */
export class Segment {
  static readonly size: number = 11 + MAX_FRAMES * Frame.size;
  readonly number: number;
  readonly frames: readonly Frame[];
  readonly headerPlace: BlockPlace;
  readonly beginPlace: BlockPlace;
  /** The blocks of all frames, in the order in which they lie in the file. */
  readonly framePlaces: readonly BlockPlace[];
  /** All blocks, in the same order. */
  readonly places: readonly BlockPlace[];
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  constructor(bytes: Uint8Array, offset: number, number: number) {
    this.bytes = bytes;
    this.offset = offset;
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
  get inView(): boolean { return at(this.bytes, this.offset) === 1; }
  set inView(value: boolean) { this.bytes[this.offset] = value ? 1 : 0; }

  /** Its directory entry is what power loss leaves. */
  get onDisk(): boolean { return at(this.bytes, this.offset + 1) === 1; }
  set onDisk(value: boolean) { this.bytes[this.offset + 1] = value ? 1 : 0; }

  /** The segment header, one of {@link Block}. */
  get header(): number { return at(this.bytes, this.offset + 2); }
  set header(value: number) { this.bytes[this.offset + 2] = value; }

  /** The begin frame, one of {@link Block}. The six numbers below are its content. */
  get begin(): number { return at(this.bytes, this.offset + 3); }
  set begin(value: number) { this.bytes[this.offset + 3] = value; }

  /** One of {@link Fill}. */
  get fill(): number { return at(this.bytes, this.offset + 4); }
  set fill(value: number) { this.bytes[this.offset + 4] = value; }

  /** Number of the segment before this one, 0 if this is the log's first. */
  get predecessor(): number { return at(this.bytes, this.offset + 5); }
  set predecessor(value: number) { this.bytes[this.offset + 5] = value; }

  /** `provenBytes`, counted in frames: history in the predecessor ends there. */
  get predecessorEnd(): number { return at(this.bytes, this.offset + 6); }
  set predecessorEnd(value: number) { this.bytes[this.offset + 6] = value; }

  /** Last sequence number below {@link predecessorEnd}. */
  get predecessorLastSeq(): number { return at(this.bytes, this.offset + 7); }
  set predecessorLastSeq(value: number) { this.bytes[this.offset + 7] = value; }

  /** Last sequence number that is copied here from unproven frames; equals {@link predecessorLastSeq} if there are none. */
  get inheritedThrough(): number { return at(this.bytes, this.offset + 8); }
  set inheritedThrough(value: number) { this.bytes[this.offset + 8] = value; }

  get floorSeq(): number { return at(this.bytes, this.offset + 9); }
  set floorSeq(value: number) { this.bytes[this.offset + 9] = value; }

  get floorNumber(): number { return at(this.bytes, this.offset + 10); }
  set floorNumber(value: number) { this.bytes[this.offset + 10] = value; }

  /** The frame at `index`, 0 to {@link MAX_FRAMES} − 1. */
  frame(index: number): Frame {
    const frame = this.frames[index];
    if (frame === undefined) throw new RangeError(`A segment has no frame ${index}.`);
    return frame;
  }

  /** The file and everything in it is gone. */
  erase(): void { this.bytes.fill(0, this.offset, this.offset + Segment.size); }

  /** Forgets what a begin says that nobody can read any more. */
  eraseBeginContent(): void { this.bytes.fill(0, this.offset + 5, this.offset + 11); }
}

/** The one process that has the lock. All of it is lost when the process ends. */
export class Writer {
  static readonly size = 17;
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** One of {@link Phase}. */
  get phase(): number { return at(this.bytes, this.offset); }
  set phase(value: number) { this.bytes[this.offset] = value; }

  /** Number of the segment it writes to, 0 before it has one. */
  get current(): number { return at(this.bytes, this.offset + 1); }
  set current(value: number) { this.bytes[this.offset + 1] = value; }

  /** Number of the segment that was made ahead, 0 if there is none. */
  get prepared(): number { return at(this.bytes, this.offset + 2); }
  set prepared(value: number) { this.bytes[this.offset + 2] = value; }

  /** What {@link making} is for, one of {@link Goal}. */
  get goal(): number { return at(this.bytes, this.offset + 3); }
  set goal(value: number) { this.bytes[this.offset + 3] = value; }

  /** Number of the segment that is being made. After opening: the number planned for the next one. */
  get making(): number { return at(this.bytes, this.offset + 4); }
  set making(value: number) { this.bytes[this.offset + 4] = value; }

  /** What the next begin says about its predecessor: the head of the plan, later the segment before the current one. */
  get head(): number { return at(this.bytes, this.offset + 5); }
  set head(value: number) { this.bytes[this.offset + 5] = value; }

  /** Its proven end, in frames. */
  get headEnd(): number { return at(this.bytes, this.offset + 6); }
  set headEnd(value: number) { this.bytes[this.offset + 6] = value; }

  /** Last sequence number below {@link headEnd}. */
  get headLastSeq(): number { return at(this.bytes, this.offset + 7); }
  set headLastSeq(value: number) { this.bytes[this.offset + 7] = value; }

  /** Last sequence number that has to be copied. */
  get copyThrough(): number { return at(this.bytes, this.offset + 8); }
  set copyThrough(value: number) { this.bytes[this.offset + 8] = value; }

  /** Number of the segment that is copied from. */
  get source(): number { return at(this.bytes, this.offset + 9); }
  set source(value: number) { this.bytes[this.offset + 9] = value; }

  /** First frame of the source that is not copied yet. */
  get sourceIndex(): number { return at(this.bytes, this.offset + 10); }
  set sourceIndex(value: number) { this.bytes[this.offset + 10] = value; }

  get nextSeq(): number { return at(this.bytes, this.offset + 11); }
  set nextSeq(value: number) { this.bytes[this.offset + 11] = value; }

  /** Frames of the current segment that are known to be durable. */
  get durableFrames(): number { return at(this.bytes, this.offset + 12); }
  set durableFrames(value: number) { this.bytes[this.offset + 12] = value; }

  /** Frames of the current segment that are written. */
  get frames(): number { return at(this.bytes, this.offset + 13); }
  set frames(value: number) { this.bytes[this.offset + 13] = value; }

  get floorSeq(): number { return at(this.bytes, this.offset + 14); }
  set floorSeq(value: number) { this.bytes[this.offset + 14] = value; }

  get floorNumber(): number { return at(this.bytes, this.offset + 15); }
  set floorNumber(value: number) { this.bytes[this.offset + 15] = value; }

  /** A frame behind the current begin is durable and all copies are: the segment counts, and files may be removed for it. */
  get isEstablished(): boolean { return at(this.bytes, this.offset + 16) === 1; }
  set isEstablished(value: boolean) { this.bytes[this.offset + 16] = value ? 1 : 0; }

  /** The process ends, and what it knew with it. */
  end(): void { this.bytes.fill(0, this.offset, this.offset + Writer.size); }

  /** Forgets everything but the phase. */
  forget(): void { this.bytes.fill(0, this.offset + 1, this.offset + Writer.size); }
}

/** What was promised to whom. Not part of the protocol: the checker's own notes. Values are numbered in the order of appending. */
export class Promises {
  static readonly size = 16;
  /** By sequence number: the record that was acknowledged as durable or was delivered; 0 for none. */
  readonly durable: Uint8Array;
  /** By sequence number: the record that a relaxed append acknowledged, and that must survive process crashes; 0 for none. */
  readonly relaxed: Uint8Array;
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
    this.durable = bytes.subarray(offset + 3, offset + 9);
    this.relaxed = bytes.subarray(offset + 9, offset + 15);
  }

  /** Bit set of the records that an open reported as not kept. */
  get gone(): number { return at(this.bytes, this.offset); }
  set gone(value: number) { this.bytes[this.offset] = value; }

  /** Floor of the newest acknowledged trim. */
  get floorSeq(): number { return at(this.bytes, this.offset + 1); }
  set floorSeq(value: number) { this.bytes[this.offset + 1] = value; }

  /** The record that is appended next. */
  get nextValue(): number { return at(this.bytes, this.offset + 2); }
  set nextValue(value: number) { this.bytes[this.offset + 2] = value; }

  /** Bit set of the sequence numbers whose record was proven durable at some time. Kept only where a configuration asks for it. */
  get proven(): number { return at(this.bytes, this.offset + 15); }
  set proven(value: number) { this.bytes[this.offset + 15] = value; }
}

/** What may still happen. */
export class Budget {
  static readonly size = 6;
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  get processCrashes(): number { return at(this.bytes, this.offset); }
  set processCrashes(value: number) { this.bytes[this.offset] = value; }

  get powerLosses(): number { return at(this.bytes, this.offset + 1); }
  set powerLosses(value: number) { this.bytes[this.offset + 1] = value; }

  /** Writes and syncs that fail. */
  get failures(): number { return at(this.bytes, this.offset + 2); }
  set failures(value: number) { this.bytes[this.offset + 2] = value; }

  get damages(): number { return at(this.bytes, this.offset + 3); }
  set damages(value: number) { this.bytes[this.offset + 3] = value; }

  get trims(): number { return at(this.bytes, this.offset + 4); }
  set trims(value: number) { this.bytes[this.offset + 4] = value; }

  /** There was damage, so an open may be refused. */
  get damaged(): boolean { return at(this.bytes, this.offset + 5) === 1; }
  set damaged(value: boolean) { this.bytes[this.offset + 5] = value ? 1 : 0; }
}

/** A follower in another process. */
export class Reader {
  static readonly size = 2;
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** Number of the segment it reads from, 0 for none. */
  get segment(): number { return at(this.bytes, this.offset); }
  set segment(value: number) { this.bytes[this.offset] = value; }

  /** The sequence number it delivers next, 0 if there is no reader. */
  get nextSeq(): number { return at(this.bytes, this.offset + 1); }
  set nextSeq(value: number) { this.bytes[this.offset + 1] = value; }
}

/** A writer that lives on beside its successor. Only when the rule of the lock is broken. */
export class Zombie {
  static readonly size = 4;
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** Number of the segment it writes to, 0 if there is no such writer. */
  get segment(): number { return at(this.bytes, this.offset); }
  set segment(value: number) { this.bytes[this.offset] = value; }

  get frames(): number { return at(this.bytes, this.offset + 1); }
  set frames(value: number) { this.bytes[this.offset + 1] = value; }

  get nextSeq(): number { return at(this.bytes, this.offset + 2); }
  set nextSeq(value: number) { this.bytes[this.offset + 2] = value; }

  get durableFrames(): number { return at(this.bytes, this.offset + 3); }
  set durableFrames(value: number) { this.bytes[this.offset + 3] = value; }

  end(): void { this.bytes.fill(0, this.offset, this.offset + Zombie.size); }
}

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

/**
 * Brings states that no future can tell apart to one form: a process that is gone knows nothing, a block that reads as zeros
 * says nothing.
 */
export function normalise(state: State): void {
  const { writer } = state;
  if (writer.phase === Phase.off || writer.phase === Phase.refused) writer.forget();
  for (const segment of state.segments) {
    if (!segment.inView && !segment.onDisk) continue;
    if (segment.begin === Block.zero) segment.eraseBeginContent();
    for (const frame of segment.frames) {
      if (frame.kind === FrameKind.none || frame.isTouched) continue;
      // A frame in flight whose blocks are all lost is still to be answered: the writer knows what it wrote.
      const inFlight =
        writer.phase === Phase.frameInFlight && writer.current === segment.number && writer.frames === frame.index;
      if (!inFlight) frame.kind = frame.seq = frame.value = frame.durableThrough = 0;
    }
  }
}
