import { toSafeInteger } from "@holdfast/bytes";
import type { LogSource } from "@holdfast/wal";
import type { EventSource, SourceEvent } from "./run-checkpointed.js";

/** Options of {@link logSource}. */
export interface LogSourceOptions<T> {
  /** A log, or a reader of one in another process. Not closed. */
  readonly log: LogSource<T>;
  /** As it is called in checkpoints. Default `"log"`. */
  readonly name?: string | undefined;
  /** Go on with records to come, until the signal aborts (default), or end with the last one that is durable when reading begins. */
  readonly follow?: boolean | undefined;
  /** Nanoseconds of an event. Default: there is no watermark. */
  readonly watermarkNs?: ((value: T) => bigint) | undefined;
}

/**
 * The records of a log as a source. Its offset is the sequence number of the next record. Keep the log at least from the oldest offset on that a kept
 * checkpoint has: below it, reading fails with WAL_TRIMMED.
 */
export function logSource<T>({ log, name = "log", follow = true, watermarkNs }: LogSourceOptions<T>): EventSource<T> {
  return {
    name,
    async *read({ from: offset, signal }): AsyncGenerator<SourceEvent<T>, void, undefined> {
      const from = offset === undefined ? undefined : toSafeInteger(offset);
      for await (const { seq, value } of follow ? log.follow({ from, signal }) : log.read({ from, signal })) {
        yield { value, next: BigInt(seq) + 1n, watermarkNs: watermarkNs?.(value) };
      }
    },
  };
}
