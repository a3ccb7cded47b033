import type { StoragePrefix } from "@holdfast/storage";
import { planError, readableSegment, type PlanReader } from "./file-recovery.js";
import { followBack, type ChainEnd } from "./format/plan.js";
import type { Floor } from "./format/segment.js";
import { findSegment, type ReadableSegment } from "./segment-reader.js";

/** What a {@link SegmentChain} starts from. */
export interface ChainStart {
  readonly reader: PlanReader;
  readonly prefix: StoragePrefix;
  /** Numbers of all segment files, ascending. */
  readonly numbers: readonly number[];
  readonly floor: Floor;
  /** The newest segment of the history; `undefined` for a new log. */
  readonly head: ChainEnd | undefined;
}

/**
 * The segments of a log's history, ascending. Each names the one before it. Opening looks at the newest
 * {@link CHECKED_AT_OPEN}; the older ones are followed back to when they are needed, so that opening a log costs the same
 * however long its history is.
 */
export class SegmentChain {
  readonly #start: ChainStart;
  readonly #segments: ReadableSegment[] = [];
  /** The oldest one that was reached; `undefined`: there are no more. */
  #oldest: ChainEnd | undefined;
  #reaching: Promise<void> = Promise.resolve();

  /** @param head - Stands for the newest segment, if it is to be more than what `start` says of it. */
  constructor(start: ChainStart, head?: ReadableSegment) {
    this.#start = start;
    this.#oldest = start.head;
    if (start.head !== undefined) this.#segments.push(head ?? readableSegment(start.prefix, start.head.link));
  }

  /** The segments that were reached, ascending; sequence numbers without a gap from one to the next. */
  get segments(): readonly ReadableSegment[] {
    return this.#segments;
  }

  /** The segment that holds `seq`, or would. {@link reach} it first. */
  find(seq: number): ReadableSegment | undefined {
    return this.#segments[findSegment(this.#segments, seq)];
  }

  /** A segment was made behind the newest one. */
  push(segment: ReadableSegment): void {
    this.#segments.push(segment);
  }

  /** A segment was made that takes the place of the newest one. */
  replaceNewest(segment: ReadableSegment): void {
    this.#segments.splice(-1, 1, segment);
  }

  /** Forgets the segments below a number. */
  dropBelow(number: number): void {
    const keep = this.#segments.findIndex((segment) => segment.number >= number);
    if (keep <= 0) return;
    this.#segments.splice(0, keep);
    this.#oldest = undefined;
  }

  /**
   * Follows the history back until a segment that begins at or before `seq`, or to its beginning.
   *
   * @throws WAL_SEGMENT_MISSING, WAL_CORRUPT, WAL_UNSUPPORTED_VERSION, WAL_READ_FAILED.
   */
  async reach(seq: number): Promise<void> {
    if (this.#reached(seq)) return;
    // One after the other: two readers would follow the same steps.
    const turn = this.#reaching.then(() => this.#follow(seq));
    this.#reaching = turn.catch(() => undefined); // Thrown where it is awaited; the next one tries again.
    await turn;
  }

  /** Follows the history back as far as opening looks. Errors as {@link reach}. */
  async reachNewest(): Promise<void> {
    while (this.#oldest !== undefined && this.#segments.length < CHECKED_AT_OPEN) await this.#step(this.#oldest);
  }

  /** Takes over what an earlier look has reached, as far as it is still part of the history. */
  async continueFrom(before: SegmentChain): Promise<void> {
    while (this.#oldest !== undefined) {
      const number = this.#oldest.link.number;
      const at = before.#segments.findIndex((segment) => segment.number === number);
      if (at >= 0) {
        this.#segments.unshift(...before.#segments.slice(0, at));
        this.#oldest = before.#oldest;
        return;
      }
      if (number < (before.#segments[0]?.number ?? Infinity)) return;
      try {
        await this.#step(this.#oldest);
      } catch {
        return; // Whoever needs the older ones follows back again, and is told.
      }
    }
  }

  #reached(seq: number): boolean {
    return this.#oldest === undefined || (this.#segments[0]?.firstSeq ?? 0) <= seq;
  }

  async #follow(seq: number): Promise<void> {
    while (this.#oldest !== undefined && !this.#reached(seq)) await this.#step(this.#oldest);
  }

  async #step(oldest: ChainEnd): Promise<void> {
    const { reader, prefix, numbers, floor } = this.#start;
    const following = followBack(oldest, numbers, floor);
    let step = following.next();
    while (step.done !== true) step = following.next(await reader.answer(step.value));
    const before = step.value;
    if (before !== undefined && "kind" in before) throw planError(before, prefix);
    // A trim may have dropped what was being followed.
    if (this.#oldest !== oldest) return;
    this.#oldest = before;
    if (before !== undefined) this.#segments.unshift(readableSegment(prefix, before.link));
  }
}

/** Segments of the history that are looked at when a log is opened, its newest one included. */
const CHECKED_AT_OPEN = 16;
