import { onAbort } from "@holdfast/storage";
import { trimmed, RecordIterator, type ReadableLog } from "./read.js";
import { checkReadRange } from "./options.js";
import type { Codec, FollowOptions, LogRecord } from "./types.js";

/** How a follower learns that there is more, and that there will be no more. */
export interface FollowSignals {
  /** `"closed"` ends the loop after what is there; an error is thrown after what is there. */
  ended(): Error | "closed" | undefined;
  /** Calls `wake` whenever there may be more or the end has come, until the answered function is called. */
  whenMore(wake: () => void): () => void;
}

/** Records from a point on: those that are there, then those to come, each once, in order. */
export function followRecords<T>(log: ReadableLog, codec: Codec<T>, options: FollowOptions, signals: FollowSignals): AsyncIterable<LogRecord<T>> {
  return {
    [Symbol.asyncIterator]: () => {
      const alarm = new Alarm();
      const records = follow(log, codec, options, signals, alarm);
      const leave = records.return.bind(records);
      return Object.assign(records, {
        // A generator is left only when it goes on, and one that waits would go on with the next record, if there ever is one.
        return: (...args: Parameters<typeof leave>) => {
          alarm.cancel();
          return leave(...args);
        },
      });
    },
  };
}

async function* follow<T>(
  log: ReadableLog,
  codec: Codec<T>,
  options: FollowOptions,
  signals: FollowSignals,
  alarm: Alarm,
): AsyncGenerator<LogRecord<T>, void, undefined> {
  const problem = checkReadRange("follow", { from: options.from });
  if (problem !== undefined) throw problem;
  const { signal } = options;
  const aborted = (): boolean => signal?.aborted === true;
  const stop = signals.whenMore(alarm.ring);
  const letGo = onAbort(signal, alarm.ring);
  try {
    let next = options.from ?? log.firstSeq();
    let isDefault = options.from === undefined;
    while (!aborted() && !alarm.isCancelled) {
      const ended = signals.ended();
      const last = await log.lastSeq();
      const first = log.firstSeq();
      // Until it has been given a record it may begin anywhere: a log that another process makes may start at any number.
      if (isDefault) next = Math.max(next, first);
      if (next < first) throw trimmed("follow", next, first);
      if (next <= last) {
        const records = new RecordIterator(log, codec, { from: next, to: last, signal }, undefined);
        for await (const record of records) {
          next = record.seq + 1;
          isDefault = false;
          yield record;
          if (aborted()) return;
        }
        continue;
      }
      if (ended instanceof Error) throw ended;
      if (ended === "closed") return;
      await alarm.next();
    }
  } catch (error) {
    if (aborted() && error === signal?.reason) return;
    throw error;
  } finally {
    stop();
    letGo();
  }
}

/** Remembers a ring until somebody waits for it, so that none is lost between looking and waiting. */
class Alarm {
  /** Nobody waits for records any more. */
  isCancelled = false;
  #rung = false;
  #wake: (() => void) | undefined;

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  cancel(): void {
    this.isCancelled = true;
    this.ring();
  }

  async next(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#rung = false;
    this.#wake = undefined;
  }
}
