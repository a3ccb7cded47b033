import { Window } from "../window.js";
import { nameOfWriter } from "./content.js";

/**
 * The processes that work on one log, as windows onto the bytes of a state: `writer.phase = WriterPhase.open` writes one byte. A
 * process that crashes, or is stopped for a while, is one that takes no step; so neither needs a step of its own.
 */

/** What a writer does next. */
export const WriterPhase = {
  /** LIST `log/` for the newest object. */
  finding: 0,
  /** GET the newest object for the next sequence number. */
  readingNewest: 1,
  /** PUT a claim behind it. */
  claiming: 2,
  /** There was no answer: GET what lies where the claim should be. */
  resolvingClaim: 3,
  /** LIST `log/` behind the claim. */
  checkingClaim: 4,
  /** Read the log up to the claim. */
  recovering: 5,
  /** The log is open: PUT the next record. */
  open: 6,
  /** There was no answer: GET what lies where the commit should be. */
  resolvingCommit: 7,
  /** Nothing more: fenced, out of records or attempts, or never there. */
  stopped: 8,
} as const;

/** One writer, from its first listing until it is fenced. */
export class Writer extends Window {
  static readonly size = 7;
  /** 0 is A, 1 is B, 2 is C. */
  readonly id: number;

  constructor(bytes: Uint8Array, offset: number, id: number) {
    super(bytes, offset);
    this.id = id;
  }

  get name(): string { return nameOfWriter(this.id); }

  /** One of {@link WriterPhase}. */
  get phase(): number { return this.get(0); }
  set phase(value: number) { this.set(0, value); }

  /** The last position it knows to be taken; the next request goes to the one behind. */
  get position(): number { return this.get(1); }
  set position(value: number) { this.set(1, value); }

  /** The sequence number of its next record. */
  get nextSeq(): number { return this.get(2); }
  set nextSeq(value: number) { this.set(2, value); }

  /** The record that it appends next. */
  get record(): number { return this.get(3); }
  set record(value: number) { this.set(3, value); }

  /** The commit at the next position was sent before, and not answered. */
  get isAmbiguous(): boolean { return this.get(4) === 1; }
  set isAmbiguous(value: boolean) { this.set(4, value ? 1 : 0); }

  /** How often it has begun to open the log. */
  get attempts(): number { return this.get(5); }
  set attempts(value: number) { this.set(5, value); }

  /** Bit set of its records that were reported as not applied. The checker's note, which outlives the writer. */
  get notApplied(): number { return this.get(6); }
  set notApplied(value: number) { this.set(6, value); }
}

/** What a reader does next. */
export const ReaderPhase = {
  /** It is not there. */
  off: 0,
  /** LIST `trim/`. */
  listingFloors: 1,
  /** LIST `pack/`. */
  listingPacks: 2,
  /** LIST `log/`. */
  listingObjects: 3,
  readingObject: 4,
  readingPack: 5,
  /** Ended with the error that what it wants was trimmed. */
  trimmed: 6,
  /** Recovery has read everything. */
  done: 7,
} as const;

/** Who reads: a follower on its own, or a writer that recovers. */
export const Role = { follower: 0, recovery: 1 } as const;

/** Reads the log from its beginning, one object after the other. */
export class Reader extends Window {
  static readonly size = 6;
  /** One of {@link Role}. */
  readonly role: number;

  constructor(bytes: Uint8Array, offset: number, role: number) {
    super(bytes, offset);
    this.role = role;
  }

  /** One of {@link ReaderPhase}. */
  get phase(): number { return this.get(0); }
  set phase(value: number) { this.set(0, value); }

  /** The position it reads next. */
  get position(): number { return this.get(1); }
  set position(value: number) { this.set(1, value); }

  /** The sequence number it delivers next. */
  get nextSeq(): number { return this.get(2); }
  set nextSeq(value: number) { this.set(2, value); }

  /** The position behind the last object that gave records: where it goes back to. */
  get goodPosition(): number { return this.get(3); }
  set goodPosition(value: number) { this.set(3, value); }

  /** The pack that it reads next, 0 and 0 for none. */
  get packFirst(): number { return this.get(4); }
  set packFirst(value: number) { this.set(4, value); }

  get packLast(): number { return this.get(5); }
  set packLast(value: number) { this.set(5, value); }

  /** At the beginning of a log. */
  start(): void {
    this.phase = ReaderPhase.listingFloors;
    this.position = this.nextSeq = this.goodPosition = 1;
  }

  /** It has ended, in a phase that stays; what it knew does not matter any more. */
  forget(): void { this.clear(1, Reader.size); }
}

/** What a merger does next. */
export const MergerPhase = {
  idle: 0,
  /** GET the next object of its range. */
  reading: 1,
  /** LIST `pack/`, after the last GET. */
  listingPacks: 2,
  /** LIST `trim/`, after that. */
  listingFloors: 3,
  /** PUT the pack. */
  packing: 4,
  /** There was no answer: GET the pack. */
  resolving: 5,
  /** DELETE the commits of its range. */
  deleting: 6,
} as const;

/** Makes packs: in any process that reads, in a writer from memory, or in a cleanup that finishes what another left. */
export class Merger extends Window {
  static readonly size = 6;
  readonly id: number;

  constructor(bytes: Uint8Array, offset: number, id: number) {
    super(bytes, offset);
    this.id = id;
  }

  /** One of {@link MergerPhase}. */
  get phase(): number { return this.get(0); }
  set phase(value: number) { this.set(0, value); }

  /** First position of its range. */
  get first(): number { return this.get(1); }
  set first(value: number) { this.set(1, value); }

  get last(): number { return this.get(2); }
  set last(value: number) { this.set(2, value); }

  /** The position that it reads or deletes next. */
  get position(): number { return this.get(3); }
  set position(value: number) { this.set(3, value); }

  /** Bit set of the positions where it read something else than the log's object; bit 0 is position 1. */
  get ghosts(): number { return this.get(4); }
  set ghosts(value: number) { this.set(4, value); }

  /** How many more times it may merge. */
  get rounds(): number { return this.get(5); }
  set rounds(value: number) { this.set(5, value); }

  /** It has merged, or given up. */
  end(): void {
    const rounds = this.rounds - 1;
    this.clear(0, Merger.size);
    this.rounds = rounds;
  }
}

/** What the trimmer does next. */
export const TrimmerPhase = {
  idle: 0,
  /** PUT the floor. */
  writingFloor: 1,
  /** There was no answer: GET the floor. */
  resolving: 2,
  /** DELETE what lies at or below the floor. */
  deleting: 3,
} as const;

/** Gives up everything up to a position. */
export class Trimmer extends Window {
  static readonly size = 3;

  /** One of {@link TrimmerPhase}. */
  get phase(): number { return this.get(0); }
  set phase(value: number) { this.set(0, value); }

  /** The position that it trims to. */
  get floor(): number { return this.get(1); }
  set floor(value: number) { this.set(1, value); }

  /** How many more times it may trim. */
  get rounds(): number { return this.get(2); }
  set rounds(value: number) { this.set(2, value); }

  /** It has trimmed, or given up. */
  end(): void {
    this.phase = TrimmerPhase.idle;
    this.floor = 0;
    this.rounds--;
  }
}
