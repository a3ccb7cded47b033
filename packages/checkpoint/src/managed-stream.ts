import { hasCode, type HoldfastError } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { announceProblem } from "./diagnostics.js";
import { CheckpointError, requireU64 } from "./errors.js";
import type { CheckpointedStream, CheckpointProblem, EventOutcome, RecoverOptions, Recovery } from "./manager-types.js";
import { StreamParts, type Captured, type CheckpointOperator, type CheckpointSource } from "./operators.js";
import { Schedule } from "./schedule.js";
import type { CheckpointStore } from "./store-types.js";

/** What a stream gets of its manager. */
export interface ManagedStreamOptions {
  readonly store: CheckpointStore;
  readonly streamId: string;
  /** `undefined`: events alone never make one due. */
  readonly everyEvents: bigint | undefined;
  readonly everyMs: number;
  readonly eventCount: "events" | "sequence";
  readonly clock: Clock;
  readonly onProblem: (problem: CheckpointProblem) => void;
  readonly onSaved: () => void;
  readonly isClosed: () => boolean;
}

/** A captured checkpoint that waits to be saved, and who waits for it. */
interface Waiting {
  readonly sequence: bigint;
  readonly watermarkNs: bigint;
  readonly eventCount: bigint;
  readonly captured: Captured;
  readonly saved: Deferred;
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** One stream: captured in the turn of an event, saved behind it, one at a time. */
export class ManagedStream implements CheckpointedStream {
  readonly #options: ManagedStreamOptions;
  readonly #parts: StreamParts;
  #schedule: Schedule | undefined;
  #last: { readonly sequence: bigint; readonly watermarkNs: bigint } | undefined;
  #eventCount = 0n;
  /** Sequence of the last event that is in what was captured last. */
  #takenAt: bigint | undefined;
  #lastSaved: Promise<void> = Promise.resolve();
  #waiting: Waiting | undefined;
  #saving: Promise<void> | undefined;
  #fenced: HoldfastError | undefined;

  constructor(options: ManagedStreamOptions) {
    this.#options = options;
    this.#parts = new StreamParts(options.streamId);
  }

  get streamId(): string {
    return this.#options.streamId;
  }

  get fenced(): HoldfastError | undefined {
    return this.#fenced;
  }

  registerOperator(name: string, operator: CheckpointOperator): void {
    this.#parts.addOperator(name, operator);
  }

  registerSource(name: string, source: CheckpointSource): void {
    this.#parts.addSource(name, source);
  }

  async recover({ allowMismatch = false, ...options }: RecoverOptions = {}): Promise<Recovery | undefined> {
    const { store, streamId, clock, everyEvents, everyMs, onProblem } = this.#options;
    this.#requireOpen("recover");
    await this.idle();
    await store.open(streamId, options);
    const { checkpoint, skipped } = await store.latest(streamId, options);
    for (const { entry, error } of skipped) onProblem({ streamId, sequence: entry.sequence, error });
    if (checkpoint !== undefined) await this.#parts.restore(checkpoint.state, allowMismatch);
    const state = checkpoint?.state;
    this.#schedule = new Schedule(clock, everyEvents, everyMs, state?.id.sequence ?? 0n);
    this.#eventCount = state?.eventCount ?? 0n;
    this.#last = undefined;
    this.#takenAt = undefined;
    if (checkpoint === undefined || state === undefined) return undefined;
    const { watermarkNs, eventCount, sources, metadata } = state;
    return { sequence: state.id.sequence, watermarkNs, eventCount, offsets: sources, metadata, createdAtMs: checkpoint.createdAtMs, skipped };
  }

  onEvent(sequence: bigint, watermarkNs: bigint): EventOutcome {
    requireU64("onEvent", "sequence", sequence);
    requireU64("onEvent", "watermarkNs", watermarkNs);
    const schedule = this.#requireRecovered("onEvent");
    this.#last = { sequence, watermarkNs };
    this.#eventCount += 1n;
    this.#takenAt = undefined;
    if (this.#fenced !== undefined || !schedule.isDue(sequence)) return NOT_TAKEN;
    return { taken: true, saved: this.#take(schedule, this.#last) };
  }

  async checkpoint(): Promise<void> {
    const schedule = this.#requireRecovered("checkpoint");
    if (this.#fenced !== undefined) throw this.#fenced;
    if (this.#last === undefined || this.#takenAt === this.#last.sequence) return this.#lastSaved;
    return this.#take(schedule, this.#last);
  }

  async idle(): Promise<void> {
    await this.#saving;
  }

  /** In this turn all is captured; what is not saved yet, and not on its way, is superseded by it. */
  #take(schedule: Schedule, { sequence, watermarkNs }: { readonly sequence: bigint; readonly watermarkNs: bigint }): Promise<void> {
    schedule.taken(sequence);
    const before = this.#waiting;
    const saved = deferred();
    this.#lastSaved = saved.promise;
    const eventCount = this.#options.eventCount === "sequence" ? sequence : this.#eventCount;
    try {
      this.#waiting = { sequence, watermarkNs, eventCount, captured: this.#parts.capture(), saved };
    } catch (error) {
      this.#report(sequence, error);
      saved.reject(error);
      return saved.promise;
    }
    this.#takenAt = sequence;
    if (before !== undefined) saved.promise.then(before.saved.resolve, before.saved.reject);
    this.#saving ??= this.#saveAll();
    return saved.promise;
  }

  /** One after the other, as long as one waits. Does not reject. */
  async #saveAll(): Promise<void> {
    for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
      this.#waiting = undefined;
      try {
        await this.#save(next);
        this.#options.onSaved();
        next.saved.resolve();
      } catch (error) {
        if (hasCode(error, "CHECKPOINT_FENCED")) this.#fenced = error;
        this.#report(next.sequence, error);
        next.saved.reject(error);
      }
    }
    this.#saving = undefined;
  }

  async #save({ sequence, watermarkNs, eventCount, captured }: Waiting): Promise<void> {
    if (this.#fenced !== undefined) throw this.#fenced;
    const { store, streamId } = this.#options;
    const operators = await this.#parts.bytesOf(captured);
    const state = { id: { streamId, sequence }, watermarkNs, eventCount, operators, sources: captured.sources, metadata: new Map<string, string>() };
    // After going back in sequence, and at the last sequence there is, the newer state counts.
    await store.save(state, { ifExists: "replace" });
  }

  #report(sequence: bigint, error: unknown): void {
    const { streamId, onProblem } = this.#options;
    onProblem({ streamId, sequence, error });
    announceProblem({ streamId, operation: "save", error });
  }

  #requireRecovered(operation: string): Schedule {
    this.#requireOpen(operation);
    if (this.#schedule !== undefined) return this.#schedule;
    throw new CheckpointError("CHECKPOINT_NOT_RECOVERED", "recover() has to come before the first event", { operation, streamId: this.streamId, outcome: "not_applied" });
  }

  #requireOpen(operation: string): void {
    if (this.#options.isClosed()) throw new CheckpointError("CHECKPOINT_CLOSED", "the manager is closed", { operation, streamId: this.streamId, outcome: "not_applied" });
  }
}

const NOT_TAKEN: EventOutcome = { taken: false, saved: undefined };

function deferred(): Deferred {
  let resolve = (): void => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  // Whoever does not listen is told by `onProblem`.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
