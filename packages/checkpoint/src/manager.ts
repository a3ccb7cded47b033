import { MAX_U64 } from "@holdfast/bytes";
import { systemClock } from "@holdfast/storage";
import { invalidArgument, requireWholeNumber } from "./errors.js";
import { ManagedStream, type ManagedStreamOptions } from "./managed-stream.js";
import type { CheckpointedStream, CheckpointManager, CheckpointManagerOptions } from "./manager-types.js";

/**
 * A manager over any store.
 *
 * @throws CHECKPOINT_INVALID_ARGUMENT.
 */
export function checkpointManager(options: CheckpointManagerOptions): CheckpointManager {
  return new Manager(options);
}

class Manager implements CheckpointManager {
  readonly #options: Omit<ManagedStreamOptions, "streamId" | "onSaved" | "isClosed">;
  readonly #streams = new Map<string, ManagedStream>();
  #total = 0n;
  #isClosed = false;

  constructor({ store, everyEvents, everyMs, eventCount = "events", onProblem = () => undefined, clock = systemClock }: CheckpointManagerOptions) {
    const operation = "checkpointManager";
    // The original's words, which it says of 0.
    if (everyEvents === 0n) throw invalidArgument(operation, "checkpoint_interval must be positive");
    if (everyEvents !== undefined && (everyEvents < 0n || everyEvents > MAX_U64)) throw invalidArgument(operation, `everyEvents is ${everyEvents}; it must be a bigint from 1 to 2^64 - 1`);
    if (everyMs !== undefined) requireWholeNumber(operation, "everyMs", everyMs, 1, 2 ** 31 - 1);
    if (everyEvents === undefined && everyMs === undefined) throw invalidArgument(operation, "everyEvents or everyMs is needed");
    this.#options = { store, everyEvents, everyMs: everyMs ?? Infinity, eventCount, onProblem, clock };
  }

  get total(): bigint {
    return this.#total;
  }

  stream(streamId: string): CheckpointedStream {
    const known = this.#streams.get(streamId);
    if (known !== undefined) return known;
    const stream = new ManagedStream({
      ...this.#options,
      streamId,
      onSaved: () => {
        this.#total += 1n;
      },
      isClosed: () => this.#isClosed,
    });
    this.#streams.set(streamId, stream);
    return stream;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) await stream.idle();
  }
}
