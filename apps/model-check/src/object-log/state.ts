import { Window } from "../window.js";
import { Merger, Reader, Role, Trimmer, Writer } from "./actors.js";
import { NOTHING } from "./content.js";

/**
 * One state of the model, packed into bytes so that tens of millions of them can be stored and compared. The classes are windows
 * onto the bytes: what the bucket holds, the requests that are still under way, the processes, and what may still happen.
 */

/** Bounds of every state. What needs more stops there; configurations bound the rest more tightly. */
export const MAX_POSITION = 8;
/** Packs that can lie in `pack/` at a time. */
const MAX_PACKS = 3;
/** Requests that can be under way at a time. */
const MAX_REQUESTS = 4;
/** Writers: A, B and C. */
export const MAX_WRITERS = 3;
/** Mergers: 0 and 1. */
export const MAX_MERGERS = 2;

/** An object in `pack/`: those of the log at positions `first` to `last`. */
export class Pack extends Window {
  static readonly size = 3;

  /** First position, 0 if there is no pack here. */
  get first(): number { return this.get(0); }
  set first(value: number) { this.set(0, value); }

  get last(): number { return this.get(1); }
  set last(value: number) { this.set(1, value); }

  /** Bit set of the positions of which it lacks the log's object; bit 0 is position 1. */
  get ghosts(): number { return this.get(2); }
  set ghosts(value: number) { this.set(2, value); }

  /** There is a pack here. */
  get exists(): boolean { return this.first !== 0; }

  covers(position: number): boolean { return this.exists && this.first <= position && position <= this.last; }

  overlaps(first: number, last: number): boolean { return this.exists && this.first <= last && first <= this.last; }

  /** Whether the pack holds the log's object at `position`, which it covers. */
  holds(position: number): boolean { return ((this.ghosts >> (position - 1)) & 1) === 0; }

  erase(): void { this.clear(0, Pack.size); }
}

/** Requests that can be under way without anybody waiting for them. */
export const RequestKind = {
  none: 0,
  createObject: 1,
  createPack: 2,
  createFloor: 3,
  deleteObject: 4,
  deletePack: 5,
  deleteFloor: 6,
} as const;

/** What a request asks for. */
export interface RequestContent {
  /** One of {@link RequestKind}. */
  readonly kind: number;
  /** Its position; of a pack, the first one. */
  readonly position: number;
  /** The object that is created, or the last position of a pack; else 0. */
  readonly detail: number;
  /** Of a pack that is created, see {@link Pack.ghosts}; else 0. */
  readonly ghosts: number;
}

/** A request whose answer is lost, or that is late. It is applied at any later time, or never. */
export class Request extends Window implements RequestContent {
  static readonly size = 4;
  readonly index: number;

  constructor(bytes: Uint8Array, offset: number, index: number) {
    super(bytes, offset);
    this.index = index;
  }

  get kind(): number { return this.get(0); }
  set kind(value: number) { this.set(0, value); }

  get position(): number { return this.get(1); }
  set position(value: number) { this.set(1, value); }

  get detail(): number { return this.get(2); }
  set detail(value: number) { this.set(2, value); }

  get ghosts(): number { return this.get(3); }
  set ghosts(value: number) { this.set(3, value); }

  erase(): void { this.clear(0, Request.size); }
}

/** Everything that there is: the bucket, requests under way, processes, and the checker's notes. */
export class State extends Window {
  /** The state as the search stores it. */
  readonly words: Uint32Array;
  /**
   * The log by its definition: for each position, from index 1, the first object that was ever created there. Nothing is ever
   * taken back here. The checker's own note: no process can see it.
   */
  readonly history: Uint8Array;
  /** What lies in `log/` now, by position from index 1. Of both, see content.ts. */
  readonly objects: Uint8Array;
  readonly packs: readonly Pack[];
  readonly requests: readonly Request[];
  readonly writers: readonly Writer[];
  readonly mergers: readonly Merger[];
  readonly trimmer: Trimmer;
  readonly readers: readonly Reader[];

  constructor() {
    const words = new Uint32Array(STATE_WORDS);
    const bytes = new Uint8Array(words.buffer);
    super(bytes, 0);
    this.words = words;
    this.history = bytes.subarray(SCALARS, SCALARS + MAX_POSITION + 1);
    this.objects = bytes.subarray(SCALARS + MAX_POSITION + 1, PACKS);
    this.packs = Array.from({ length: MAX_PACKS }, (_, index) => new Pack(bytes, PACKS + index * Pack.size));
    this.requests = Array.from({ length: MAX_REQUESTS }, (_, index) => new Request(bytes, REQUESTS + index * Request.size, index));
    this.writers = Array.from({ length: MAX_WRITERS }, (_, id) => new Writer(bytes, WRITERS + id * Writer.size, id));
    this.mergers = Array.from({ length: MAX_MERGERS }, (_, id) => new Merger(bytes, MERGERS + id * Merger.size, id));
    this.trimmer = new Trimmer(bytes, TRIMMER);
    this.readers = [Role.follower, Role.recovery].map((role) => new Reader(bytes, READERS + role * Reader.size, role));
  }

  /** The last position of the log. */
  get lastPosition(): number { return this.get(0); }
  set lastPosition(value: number) { this.set(0, value); }

  /** What lies in `trim/`: bit set of the floors; bit 0 is position 1. */
  get floors(): number { return this.get(1); }
  set floors(value: number) { this.set(1, value); }

  /** How many more PUTs may stay without an answer. */
  get latePuts(): number { return this.get(2); }
  set latePuts(value: number) { this.set(2, value); }

  /** How many more DELETEs may be applied later than they were sent. */
  get lateDeletes(): number { return this.get(3); }
  set lateDeletes(value: number) { this.set(3, value); }

  /** The log's object at `position`, NOTHING behind its end. */
  historyAt(position: number): number { return this.history[position] ?? NOTHING; }

  /** GET `log/<position>`: its content, or NOTHING. */
  objectAt(position: number): number { return this.objects[position] ?? NOTHING; }

  request(index: number): Request { return known(this.requests[index], "request"); }

  writer(id: number): Writer { return known(this.writers[id], "writer"); }

  merger(id: number): Merger { return known(this.mergers[id], "merger"); }

  /** `role` is one of {@link Role}. */
  reader(role: number): Reader { return known(this.readers[role], "reader"); }
}

function known<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new RangeError(`There is no such ${what}.`);
  return value;
}

const SCALARS = 4;
const PACKS = SCALARS + 2 * (MAX_POSITION + 1);
const REQUESTS = PACKS + MAX_PACKS * Pack.size;
const WRITERS = REQUESTS + MAX_REQUESTS * Request.size;
const MERGERS = WRITERS + MAX_WRITERS * Writer.size;
const TRIMMER = MERGERS + MAX_MERGERS * Merger.size;
const READERS = TRIMMER + Trimmer.size;
const STATE_BYTES = READERS + 2 * Reader.size;

/** Length of a state in 32-bit words. */
export const STATE_WORDS: number = Math.ceil(STATE_BYTES / 4);
