import type { FollowOptions, LogRecord, LogSource } from "../../src/index.js";
import { settled } from "./expecting.js";
import type { ManualClock } from "./manual-clock.js";

/** A loop over `follow` that runs beside the test. */
export class Follower<T = Uint8Array> {
  readonly records: LogRecord<T>[] = [];
  /** What the loop ended with: `"end"`, or what it threw. */
  ended: unknown;
  readonly done: Promise<void>;
  readonly #abort = new AbortController();

  /** @param each - Awaited after each record. */
  constructor(log: LogSource<T>, options: FollowOptions = {}, each?: (record: LogRecord<T>) => unknown) {
    this.done = this.#run(log, { signal: this.#abort.signal, ...options }, each);
  }

  /** Sequence numbers so far. */
  get seqs(): number[] {
    return this.records.map(({ seq }) => seq);
  }

  /** The last sequence number so far. */
  get lastSeq(): number {
    return this.records.at(-1)?.seq ?? 0;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.done;
  }

  async #run(log: LogSource<T>, options: FollowOptions, each?: (record: LogRecord<T>) => unknown): Promise<void> {
    try {
      for await (const record of log.follow(options)) {
        this.records.push(record);
        await each?.(record);
      }
      this.ended = "end";
    } catch (error) {
      this.ended = error;
    }
  }
}

/** Lets a reader elsewhere look until `condition` holds, for at most 200 looks. Answers whether it does. */
export async function polled(clock: ManualClock, condition: () => boolean): Promise<boolean> {
  for (let looks = 0; looks < 200 && !condition(); looks++) {
    clock.advance(20);
    await settled();
  }
  return condition();
}

/** Lets a reader elsewhere look so many times. */
export async function poll(clock: ManualClock, looks: number): Promise<void> {
  for (let count = 0; count < looks; count++) {
    clock.advance(20);
    await settled();
  }
}
