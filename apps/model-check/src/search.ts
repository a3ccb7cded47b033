/**
 * Exhaustive breadth-first search. Whole states are compared, not hashes of them, so a search that ends has seen everything.
 *
 * A state is a vector of 32-bit words of fixed length. States are stored in the order in which they were first reached; the
 * table is open addressing over their numbers. About 275 bytes a state for vectors of 64 words; `limit` bounds the memory.
 */

/** What a step is called in a trace. A function where the text has to be built: it is called for traces only. */
export type Label = string | (() => string);

/** Receives what a model finds while it expands one state. */
export interface Visitor {
  /** A step labelled `label` leads to `reached`, which is copied. Returns whether this state was never seen before. */
  visit(reached: Uint32Array, label: Label): boolean;
  /** The step that was visited last breaks a promise, by itself or by the state it leads to. */
  violation(message: string): void;
}

/** A transition system with promises. */
export interface Model {
  /** Length of every state, in 32-bit words. */
  readonly stateWords: number;
  /** The one initial state. */
  initial(): Uint32Array;
  /** Takes every step that is possible in `state`, always in the same order, and visits each state reached. */
  expand(state: Uint32Array, visitor: Visitor): void;
}

/** How far to search. */
export interface SearchOptions {
  /** Stop when so many states were found. At least 1. */
  readonly limit: number;
  /** Called now and then with the number of states found and of those that were expanded. */
  readonly onProgress?: ((found: number, expanded: number) => void) | undefined;
}

/** What a search found. */
export interface SearchResult {
  /** Different states found, the initial one included. */
  readonly states: number;
  /** Steps taken, whether or not they led to a new state. */
  readonly steps: number;
  /** Nothing is left unexplored, and no promise is broken. */
  readonly complete: boolean;
  readonly violation: Violation | undefined;
}

/** A broken promise, and a shortest way to it. */
export interface Violation {
  readonly message: string;
  /** The labels of the steps from the initial state; the last one breaks the promise. */
  readonly trace: readonly string[];
}

/** Explores `model` breadth-first until everything is seen, a promise is broken, or `limit` is reached. */
export function search(model: Model, options: SearchOptions): SearchResult {
  const states = new StateStore(model.stateWords);
  const state = new Uint32Array(model.stateWords);
  let expanded = 0;
  let steps = 0;
  let message: string | undefined;
  const visitor: Visitor = {
    visit(reached) {
      steps++;
      return states.add(reached, expanded);
    },
    violation(text) {
      message ??= text;
    },
  };

  states.add(model.initial(), NO_PARENT);
  for (; expanded < states.count && message === undefined && states.count < options.limit; expanded++) {
    states.load(expanded, state);
    model.expand(state, visitor);
    if (expanded % PROGRESS_INTERVAL === 0) options.onProgress?.(states.count, expanded);
  }
  return {
    states: states.count,
    steps,
    complete: message === undefined && expanded === states.count,
    violation: message === undefined ? undefined : { message, trace: traceThrough(model, states, expanded - 1) },
  };
}

const NO_PARENT = 0xffff_ffff;
const PROGRESS_INTERVAL = 1 << 14;

/** Walks again from the initial state to state number `last`, and takes the step there that breaks a promise. */
function traceThrough(model: Model, states: StateStore, last: number): string[] {
  const path: Uint32Array[] = [];
  for (let number = last; number !== NO_PARENT; number = states.parentOf(number)) {
    path.unshift(states.load(number, new Uint32Array(model.stateWords)));
  }
  return path.map((state, index) => {
    const next = path[index + 1];
    return next === undefined ? labelOfViolation(model, state) : labelOfStep(model, state, next);
  });
}

function labelOfStep(model: Model, from: Uint32Array, to: Uint32Array): string {
  let found: string | undefined;
  model.expand(from, {
    visit(reached, label) {
      if (reached.every((word, index) => word === to[index])) found ??= textOf(label);
      return false;
    },
    violation() {
      // Looked at where the path ends.
    },
  });
  return found ?? "?";
}

function labelOfViolation(model: Model, from: Uint32Array): string {
  let last: Label = "?";
  let found: string | undefined;
  model.expand(from, {
    visit(_reached, label) {
      last = label;
      return true;
    },
    violation() {
      found ??= textOf(last);
    },
  });
  return found ?? "?";
}

function textOf(label: Label): string {
  return typeof label === "string" ? label : label();
}

/** All states found so far, numbered from 0 in the order in which they were added. */
class StateStore {
  count = 0;
  private readonly stateWords: number;
  private readonly chunks: Uint32Array[] = [];
  private parents = new Uint32Array(INITIAL_CAPACITY);
  private hashes = new Uint32Array(INITIAL_CAPACITY);
  /** State number + 1 at the first free place from `hash & mask` on; 0 is free. At most half full. */
  private table = new Uint32Array(INITIAL_CAPACITY * 2);

  constructor(stateWords: number) {
    this.stateWords = stateWords;
  }

  /** Adds a state reached from state number `parent`. Returns false if it is there already. */
  add(state: Uint32Array, parent: number): boolean {
    const hash = hashOf(state);
    const mask = this.table.length - 1;
    let place = hash & mask;
    for (;;) {
      const entry = at(this.table, place);
      if (entry === 0) break;
      if (at(this.hashes, entry - 1) === hash && this.equals(entry - 1, state)) return false;
      place = (place + 1) & mask;
    }
    const number = this.count++;
    this.table[place] = number + 1;
    this.store(number, state);
    this.parents[number] = parent;
    this.hashes[number] = hash;
    if (this.count === this.parents.length) this.grow();
    return true;
  }

  /** Copies state number `number` into `into`, which is returned. */
  load(number: number, into: Uint32Array): Uint32Array {
    const start = (number % CHUNK_STATES) * this.stateWords;
    into.set(this.chunkOf(number).subarray(start, start + this.stateWords));
    return into;
  }

  parentOf(number: number): number {
    return at(this.parents, number);
  }

  private store(number: number, state: Uint32Array): void {
    if (number % CHUNK_STATES === 0) this.chunks.push(new Uint32Array(CHUNK_STATES * this.stateWords));
    this.chunkOf(number).set(state, (number % CHUNK_STATES) * this.stateWords);
  }

  private equals(number: number, state: Uint32Array): boolean {
    const chunk = this.chunkOf(number);
    const start = (number % CHUNK_STATES) * this.stateWords;
    for (let word = 0; word < state.length; word++) if (chunk[start + word] !== state[word]) return false;
    return true;
  }

  private chunkOf(number: number): Uint32Array {
    const chunk = this.chunks[Math.floor(number / CHUNK_STATES)];
    if (chunk === undefined) throw new RangeError(`There is no state ${number}.`);
    return chunk;
  }

  private grow(): void {
    this.parents = twiceAsLong(this.parents);
    this.hashes = twiceAsLong(this.hashes);
    this.table = new Uint32Array(this.table.length * 2);
    const mask = this.table.length - 1;
    for (let number = 0; number < this.count; number++) {
      let place = at(this.hashes, number) & mask;
      while (at(this.table, place) !== 0) place = (place + 1) & mask;
      this.table[place] = number + 1;
    }
  }
}

const INITIAL_CAPACITY = 1 << 12;
const CHUNK_STATES = 1 << 12;

/** FNV-1a over words instead of bytes, with the final mixing of MurmurHash3. Only speed depends on it. */
function hashOf(state: Uint32Array): number {
  let hash = 0x811c_9dc5;
  for (const word of state) {
    hash = Math.imul(hash ^ word, 0x0100_0193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function twiceAsLong(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(words.length * 2);
  longer.set(words);
  return longer;
}

/** The word at `index`; callers stay inside. */
function at(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}
