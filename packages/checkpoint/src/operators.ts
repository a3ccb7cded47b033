import type { CheckpointState } from "./checkpoint-state.js";
import { CheckpointError } from "./errors.js";

/** What has a state that a checkpoint is to keep. */
export interface CheckpointOperator {
  /**
   * Called in the one turn in which all of a stream are captured: what it answers has to be the state of this moment. A promise may only put off making
   * bytes of it. The bytes are not to be changed afterwards.
   */
  snapshot(): Uint8Array | Promise<Uint8Array>;
  /** Gets the bytes that an earlier `snapshot` answered: a view of the whole checkpoint, to be copied if it is kept for long. */
  restore(bytes: Uint8Array): void | Promise<void>;
}

/** Where a stream is read from. */
export interface CheckpointSource {
  /** Where reading goes on after what was processed: 0 to 2^64 − 1. Called in the same turn as the operators. */
  offset(): bigint;
}

/** What was captured: bytes may still be on their way. */
export interface Captured {
  readonly operators: readonly (readonly [name: string, bytes: Uint8Array | Promise<Uint8Array>])[];
  readonly sources: ReadonlyMap<string, bigint>;
}

/** The operators and sources of one stream. */
export class StreamParts {
  readonly #streamId: string;
  readonly #operators = new Map<string, CheckpointOperator>();
  readonly #sources = new Map<string, CheckpointSource>();

  constructor(streamId: string) {
    this.#streamId = streamId;
  }

  addOperator(name: string, operator: CheckpointOperator): void {
    this.#requireFree(name, this.#operators);
    this.#operators.set(name, operator);
  }

  addSource(name: string, source: CheckpointSource): void {
    this.#requireFree(name, this.#sources);
    this.#sources.set(name, source);
  }

  /** All of them, in one synchronous turn. @throws CHECKPOINT_CAPTURE_FAILED. */
  capture(): Captured {
    const operators: (readonly [string, Uint8Array | Promise<Uint8Array>])[] = [];
    try {
      for (const [name, operator] of this.#operators) {
        const bytes = operator.snapshot();
        // It is awaited when this checkpoint's turn comes, if it comes.
        if (bytes instanceof Promise) bytes.catch(() => undefined);
        operators.push([name, bytes]);
      }
      return { operators, sources: new Map(Array.from(this.#sources, ([name, source]) => [name, source.offset()])) };
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** The bytes of what was captured. @throws CHECKPOINT_CAPTURE_FAILED. */
  async bytesOf({ operators }: Captured): Promise<ReadonlyMap<string, Uint8Array>> {
    try {
      return new Map(await Promise.all(operators.map(async ([name, bytes]) => [name, await bytes] as const)));
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /**
   * Gives each operator its bytes, one after the other.
   *
   * @param allowMismatch - Operators without bytes keep the state they have; bytes without an operator are dropped.
   * @throws CHECKPOINT_MISMATCH before the first one got any. CHECKPOINT_RESTORE_FAILED.
   */
  async restore({ id, operators, sources }: CheckpointState, allowMismatch: boolean): Promise<void> {
    const problems = [...differences("operator", this.#operators, operators), ...differences("source", this.#sources, sources)];
    if (problems.length > 0 && !allowMismatch) {
      throw new CheckpointError("CHECKPOINT_MISMATCH", problems.join("; "), { operation: "recover", streamId: this.#streamId, sequence: id.sequence });
    }
    for (const [name, operator] of this.#operators) {
      const bytes = operators.get(name);
      if (bytes === undefined) continue;
      try {
        await operator.restore(bytes);
      } catch (cause) {
        const message = `operator ${JSON.stringify(name)} refuses its state`;
        throw new CheckpointError("CHECKPOINT_RESTORE_FAILED", message, { operation: "recover", streamId: this.#streamId, sequence: id.sequence, cause });
      }
    }
  }

  #requireFree(name: string, taken: ReadonlyMap<string, unknown>): void {
    if (!taken.has(name)) return;
    throw new CheckpointError("CHECKPOINT_INVALID_ARGUMENT", `${JSON.stringify(name)} is registered already`, { operation: "register", streamId: this.#streamId, outcome: "not_applied" });
  }

  #failed(cause: unknown): CheckpointError {
    return new CheckpointError("CHECKPOINT_CAPTURE_FAILED", "an operator or source could not be captured", { operation: "capture", streamId: this.#streamId, outcome: "not_applied", cause });
  }
}

function differences(what: string, registered: ReadonlyMap<string, unknown>, stored: ReadonlyMap<string, unknown>): readonly string[] {
  const missing = [...registered.keys()].filter((name) => !stored.has(name)).map((name) => `the checkpoint has no ${what} ${JSON.stringify(name)}`);
  const unknown = [...stored.keys()].filter((name) => !registered.has(name)).map((name) => `the checkpoint has ${what} ${JSON.stringify(name)}, which is not registered`);
  return [...missing, ...unknown];
}
