import type { CommitCursor, CommitRange, StoredCommit } from "./device.js";
import { OBJECT_HEADER_BYTES, seqAfter, unpack } from "./format/object.js";
import { corruptObject, soundObject } from "./object-check.js";
import type { ObjectHistory } from "./object-history.js";
import { logKey } from "./object-layout.js";
import { ObjectQueue, type FetchedObject } from "./object-queue.js";
import { locate, probe, type ObjectPlace } from "./object-search.js";
import { trimmed } from "./read.js";

/** A commit of a log on object storage. */
export interface ObjectCommit extends StoredCommit {
  readonly position: number;
}

/** Reads the commits of a range, which all were in the log when it was asked for: each of them, or an error. */
export function readObjects(history: ObjectHistory, range: CommitRange): CommitCursor {
  return range.reverse ? new BackwardCursor(history, range) : new ForwardCursor(history, range);
}

/**
 * Reads objects in the order of their positions. A listing may be old when its objects are read, and where an object has been
 * removed a claim may lie that came late. Neither can go unnoticed, since every object states its first sequence number: what is
 * missing makes the cursor list again, from behind the last object that gave records. Only what is found three times is damage.
 */
export class ForwardCursor implements CommitCursor {
  readonly #history: ObjectHistory;
  readonly #range: CommitRange;
  /** The next record to deliver. */
  #seq: number;
  /** The next position to read; `undefined` before it was looked for. */
  #position: number | undefined;
  /** Behind the last object that gave records: from here on nothing was passed over that may be wrong. */
  #goodPosition = 1;
  #queue: ObjectQueue | undefined;
  #problem = "";
  #problems = 0;

  /** @param position - Where to begin, if that is known; a hint. */
  constructor(history: ObjectHistory, range: CommitRange, position?: number) {
    this.#history = history;
    this.#range = range;
    this.#seq = range.from;
    this.#position = position;
  }

  async next(): Promise<readonly ObjectCommit[] | undefined> {
    while (this.#seq <= this.#range.to) {
      this.#range.signal?.throwIfAborted();
      // Whatever can still be read of it: what was trimmed is gone for everybody from then on.
      const { firstSeq } = this.#history.origin();
      if (this.#seq < firstSeq) throw trimmed("read", this.#seq, firstSeq);
      this.#queue ??= await this.#enter();
      const found = await this.#queue.next();
      const commits = found === undefined ? "it is not there" : this.#take(found);
      if (typeof commits === "string") await this.#lookAgain(found, commits);
      else if (commits.length > 0) return commits;
    }
    return undefined;
  }

  async #enter(): Promise<ObjectQueue> {
    const { floor } = this.#history.origin();
    const position = this.#position ?? (await locate(this.#history, this.#seq, this.#range.signal));
    this.#position = Math.max(position, floor + 1);
    this.#goodPosition = Math.max(this.#goodPosition, floor + 1);
    return new ObjectQueue(this.#history, this.#position, this.#range.signal);
  }

  /** The commits with records that are asked for, or why it is not the object that must be here. */
  #take(found: FetchedObject): readonly ObjectCommit[] | string {
    const { bytes, key, last } = found;
    if (bytes === undefined) return "it is not there any more";
    const header = soundObject(found, bytes, this.#history.origin().logId);
    if (typeof header === "string") return header;
    // Also where there are no records: a claim that lies in place of a removed object can hide that something is missing behind it.
    if (header.firstSeq > this.#seq) return `record ${header.firstSeq} stands where record ${this.#seq} must be`;
    const objects = found.isPack ? unpack(bytes, header) : [{ header, start: OBJECT_HEADER_BYTES, end: bytes.length }];
    if (typeof objects === "string") return objects;
    const commits: ObjectCommit[] = [];
    for (const { header: it, start, end } of objects) {
      if (it.recordCount === 0 || seqAfter(it) <= this.#seq || this.#seq > this.#range.to) continue;
      const { firstSeq, recordCount, committedAtMs } = it;
      commits.push({ position: it.firstPosition, firstSeq, recordCount, committedAtMs, bytes, start, end, key, offset: start - OBJECT_HEADER_BYTES });
      this.#seq = seqAfter(it);
    }
    this.#position = last + 1;
    if (header.recordCount > 0) {
      this.#goodPosition = last + 1;
      this.#problems = 0;
      this.#history.index.add({ firstSeq: seqAfter(header), position: last + 1 });
    }
    return commits;
  }

  /** Lists again, from the last good position if something was passed over. */
  async #lookAgain(found: FetchedObject | undefined, reason: string): Promise<void> {
    const position = found?.first ?? this.#position ?? 1;
    const key = found?.key ?? logKey(this.#history.objects.prefix, position);
    const { floor } = this.#history.origin();
    await this.#history.refreshOrigin();
    const problem = `${key} ${floor}: ${reason}`;
    this.#problems = problem === this.#problem ? this.#problems + 1 : 1;
    this.#problem = problem;
    if (this.#problems === MAX_PROBLEMS) throw corruptObject(key, position, reason);
    this.#queue = undefined;
    this.#position = this.#goodPosition;
  }
}

/** Reads stretches of some objects forward, the last one first, and turns each around. They grow while the objects are small. */
class BackwardCursor implements CommitCursor {
  readonly #history: ObjectHistory;
  readonly #range: CommitRange;
  #to: number;
  /** The position before the last stretch, if it is known. */
  #end: number | undefined;
  /** Positions that the next stretch has. */
  #stretch = 1;

  constructor(history: ObjectHistory, range: CommitRange) {
    this.#history = history;
    this.#range = range;
    this.#to = range.to;
  }

  async next(): Promise<readonly ObjectCommit[] | undefined> {
    const { from: lowest, signal } = this.#range;
    if (this.#to < lowest) return undefined;
    const start = await this.#start();
    const from = Math.max(lowest, start?.firstSeq ?? this.#to);
    // What lies before the range need not be sound.
    const position = start === undefined || start.nextSeq <= from ? undefined : start.first;
    const cursor = new ForwardCursor(this.#history, { from, to: this.#to, reverse: false, signal }, position);
    const commits: ObjectCommit[] = [];
    for (let chunk = await cursor.next(); chunk !== undefined; chunk = await cursor.next()) commits.push(...chunk);
    const bytes = commits.reduce((sum, { start: at, end }) => sum + end - at, 0);
    this.#stretch = bytes < SMALL_STRETCH_BYTES ? Math.min(this.#stretch * 2, MAX_STRETCH) : 1;
    this.#end = start === undefined ? undefined : start.first - 1;
    // Where nothing said where an object begins, the cursor's first commit may begin before what was asked of it.
    this.#to = Math.min(from, commits[0]?.firstSeq ?? from) - 1;
    return commits.reverse();
  }

  /** The object that the stretch begins with: at or before the one that holds `#to`. A hint; `undefined` if there is none. */
  async #start(): Promise<ObjectPlace | undefined> {
    const { signal } = this.#range;
    const first = this.#history.origin().floor + 1;
    const end = this.#end ?? (await locate(this.#history, this.#to, signal));
    let place = await probe(this.#history, Math.max(first, end - this.#stretch + 1), signal);
    // Claims have no records: what comes before them is wanted.
    while (place !== undefined && place.firstSeq > this.#to) place = place.first > first ? await probe(this.#history, place.first - 1, signal) : undefined;
    return place;
  }
}

/** How often the same thing must be wrong, with a new listing each time, before it is damage. */
const MAX_PROBLEMS = 3;
const MAX_STRETCH = 16;
const SMALL_STRETCH_BYTES = 1024 * 1024;
