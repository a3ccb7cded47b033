import type { StorageKey } from "@holdfast/storage";
import { MAX_OBJECT_BYTES, MAX_PACK_BYTES } from "./format/object.js";
import type { ListedObject } from "./log-objects.js";
import type { ObjectHistory } from "./object-history.js";
import { logKey, type PositionRange } from "./object-layout.js";
import { PackList } from "./object-packs.js";

/** What was read at some positions. */
export interface FetchedObject extends PositionRange {
  readonly key: StorageKey;
  readonly isPack: boolean;
  /** `undefined`: it is not there any more. */
  readonly bytes: Uint8Array | undefined;
}

/** Where some positions are. */
interface Place extends PositionRange {
  readonly key: StorageKey;
  readonly isPack: boolean;
  readonly size: number;
  readonly held?: Uint8Array;
}

interface Flight extends Place {
  readonly bytes: Promise<Uint8Array | undefined>;
}

/**
 * The objects of a log from a position on, in order: for each position the pack that reaches furthest, else the commit or claim.
 * Listings are taken a page at a time, packs before commits, since a commit goes only when its pack is there. Objects are read
 * ahead, more of them the longer it goes on, within bounds.
 */
export class ObjectQueue {
  readonly #history: ObjectHistory;
  readonly #signal: AbortSignal | undefined;
  /** The next position to look for. */
  #position: number;
  #packs: PackList | undefined;
  #objects: AsyncGenerator<ListedObject, void, undefined> | undefined;
  #listed: ListedObject | undefined;
  #hasEnded = false;
  readonly #flights: Flight[] = [];
  #flyingBytes = 0;
  #readAhead = 1;

  constructor(history: ObjectHistory, position: number, signal: AbortSignal | undefined) {
    this.#history = history;
    this.#position = position;
    this.#signal = signal;
  }

  /** The next object, or `undefined` if nothing is listed at its position: the end, or a position that has gone elsewhere. */
  async next(): Promise<FetchedObject | undefined> {
    await this.#fill();
    const flight = this.#flights.shift();
    if (flight === undefined) return undefined;
    this.#flyingBytes -= flight.size;
    this.#readAhead = Math.min(this.#readAhead * 2, MAX_FLIGHTS);
    return { ...flight, bytes: await flight.bytes };
  }

  async #fill(): Promise<void> {
    while (!this.#hasEnded && (this.#flights.length === 0 || (this.#flights.length < this.#readAhead && this.#flyingBytes < MAX_FLYING_BYTES))) {
      const place = await this.#find(this.#position);
      if (place === undefined) {
        this.#hasEnded = true;
        return;
      }
      const bytes = this.#read(place);
      bytes.catch(() => undefined); // Thrown where it is awaited; a loop that was left never asks.
      this.#flights.push({ ...place, bytes });
      this.#flyingBytes += place.size;
      this.#position = place.last + 1;
    }
  }

  async #read({ key, size, isPack, held }: Place): Promise<Uint8Array | undefined> {
    if (held !== undefined) return held;
    // No object of a log is larger. Not even its header is asked for then: an empty one is as wrong, and costs nothing.
    if (size > (isPack ? MAX_PACK_BYTES : MAX_OBJECT_BYTES)) return new Uint8Array(0);
    return this.#history.objects.read(key, this.#signal);
  }

  async #find(position: number): Promise<Place | undefined> {
    const { objects } = this.#history;
    // Whoever reads wants what was known when it began: nothing behind it has to be listed.
    if (position > this.#history.newest()) return undefined;
    const held = this.#history.held(position);
    if (held !== undefined) return { first: position, last: position, key: logKey(objects.prefix, position), isPack: false, size: held.length, held };
    this.#packs ??= new PackList(objects, position - 1, this.#signal);
    const pack = await this.#packs.covering(position);
    if (pack !== undefined) return { ...pack, isPack: true, size: pack.bytes };
    this.#objects ??= objects.list(position - 1, this.#signal);
    while ((this.#listed?.position ?? 0) < position) {
      const next = await this.#objects.next();
      if (next.done === true) return undefined;
      this.#listed = next.value;
    }
    const listed = this.#listed;
    return listed?.position === position ? { first: position, last: position, key: listed.key, isPack: false, size: listed.bytes } : undefined;
  }
}

/** Requests on their way at once. */
const MAX_FLIGHTS = 16;
/** Bytes that are read ahead, and the object that goes beyond them. */
const MAX_FLYING_BYTES = 32 * 1024 * 1024;
