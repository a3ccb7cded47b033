import type { Replayed } from "./store.js";

/**
 * What the language asks for a loop with `for await` over values in memory: an iterator written by hand that answers a settled
 * promise, a record, and a view for each, and reads and checks nothing. No log that is read this way can be faster.
 */
export const LOOP_FLOOR = "for await over memory";

/** The same in one line, for the report. */
export const LOOP_FLOOR_SETTING = "an iterator written by hand that answers a promise, a record and a view for each, and reads nothing";

/** Loops over `count` records of `recordBytes` bytes that lie one behind the other in memory. */
export async function replayLoop(count: number, recordBytes: number): Promise<Replayed> {
  const memory = new ArrayBuffer(recordBytes * 1024);
  let seq = 0;
  const iterator: AsyncIterableIterator<{ readonly seq: number; readonly value: Uint8Array }> = {
    [Symbol.asyncIterator]: () => iterator,
    next: () => {
      if (seq === count) return Promise.resolve({ done: true, value: undefined });
      const value = new Uint8Array(memory, (seq % 1024) * recordBytes, recordBytes);
      seq += 1;
      return Promise.resolve({ done: false, value: { seq, value } });
    },
  };
  let records = 0;
  let bytes = 0;
  for await (const { value } of iterator) {
    records += 1;
    bytes += value.length;
  }
  return { records, bytes };
}
