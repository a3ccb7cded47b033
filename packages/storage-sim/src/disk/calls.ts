import type { Adversary } from "../adversary.js";
import { DEFAULT_CODE, FAULT_OPERATIONS, failsWithCode, type Fault, type SimOperation } from "../fault-plan.js";
import type { FaultInjector } from "./fault-injector.js";
import type { StatsCounter } from "./stats.js";
import { codeOf, systemError } from "./system-error.js";
import type { Trace } from "./trace.js";

/** A moment in a call: `called`, before anything is done; `begun`, done and not answered; `done`, about to be answered. */
export interface SimStep {
  /** Counts the calls of this disk, from 1. */
  readonly call: number;
  readonly phase: "called" | "begun" | "done";
  readonly operation: SimOperation;
  readonly path: string;
  /** Whether the operation can change what is on the disk. A crash elsewhere finds what a crash before found. */
  readonly changes: boolean;
}

/** What one call is: how it is traced, what it does when it begins, and what when it is answered. */
export interface Call<T> {
  readonly operation: SimOperation;
  readonly path: string;
  /** For the trace: bytes and offset, or a size. */
  readonly numbers?: readonly [number, number];
  /** For the trace: a second path. */
  readonly other?: string;
  /** Done at once. What it throws is answered in its time. */
  begin(fault: Fault | undefined): T;
  /** Done before the answer, also when nobody waits for it any more. Not after an error. */
  end?(fault: Fault | undefined): void;
}

/** What {@link Calls} needs. */
export interface CallsParts {
  readonly faults: FaultInjector;
  readonly trace: Trace;
  readonly stats: StatsCounter;
  readonly adversary: Adversary;
  /** How many turns of the microtask queue a call may take. */
  readonly maxTurns: number;
  /** Clean pages of all files leave the cache. */
  evict(): void;
  remountReadOnly(): void;
}

/** The calls of all processes on a disk: counted, traced, met by faults, and never answered once the world has stopped. */
export class Calls {
  readonly #parts: CallsParts;
  readonly #observers = new Set<(step: SimStep) => void>();
  #count = 0;
  #stopped = false;

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#count;
  }

  isStopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
  }

  observe(observer: (step: SimStep) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /**
   * @param killed - Whether the process that calls is gone.
   * @returns A promise that settles in a later microtask, or never, if the world stops or the process is killed before. Nothing
   * holds on to such a promise, so it and who waits for it are forgotten together.
   */
  async run<T>(call: Call<T>, killed: () => boolean): Promise<T> {
    if (this.isStopped() || killed()) return never();
    this.#count += 1;
    const count = this.#count;
    this.#parts.stats.called(call.operation);
    if (this.#observers.size > 0) this.#notify(count, "called", call);
    if (this.isStopped()) return never();
    const fault = this.#parts.faults.next(call.operation, call.path);
    const begun = this.#begin(call, fault);
    if (this.#observers.size > 0) this.#notify(count, "begun", call);
    for (let turns = this.#turns(); turns > 0; turns -= 1) await SETTLED;
    if (this.isStopped()) return never();
    const outcome = ended(call, fault, begun);
    this.#record(call, fault, outcome);
    if (this.#observers.size > 0) this.#notify(count, "done", call);
    if (this.isStopped() || killed()) return never();
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  #begin<T>(call: Call<T>, fault: Fault | undefined): Outcome<T> {
    try {
      if (fault !== undefined) this.#meet(fault, call);
      return { value: call.begin(fault) };
    } catch (error) {
      return { error: error instanceof Error ? error : new Error("unexpected error", { cause: error }) };
    }
  }

  #meet({ kind, code = DEFAULT_CODE }: Fault, { operation, path }: Call<unknown>): void {
    this.#parts.stats.hit(kind, operation);
    if (kind === "fail") throw systemError(code, operation, path);
    if (kind === "readOnly") this.#parts.remountReadOnly();
    if (kind === "evict") this.#parts.evict();
  }

  #turns(): number {
    const { maxTurns, adversary } = this.#parts;
    return maxTurns === 1 ? 1 : 1 + adversary.choose("turns of a call", maxTurns);
  }

  #notify(call: number, phase: SimStep["phase"], { operation, path }: Call<unknown>): void {
    const step = { call, phase, operation, path, changes: CHANGING.has(operation) };
    for (const observer of this.#observers) observer(step);
  }

  #record({ operation, path, numbers, other }: Call<unknown>, fault: Fault | undefined, outcome: Outcome<unknown>): void {
    const { trace } = this.#parts;
    const answer = answerOf(outcome);
    trace.addText(operation);
    trace.addName(path);
    if (other !== undefined) trace.addName(other);
    if (numbers !== undefined) {
      trace.add(numbers[0]);
      trace.add(numbers[1]);
    }
    if (fault !== undefined) trace.addText(fault.kind);
    if (typeof answer === "number") trace.add(answer);
    else trace.addText(answer);
    if (!trace.keeps) return;
    const detail = other ?? (numbers === undefined ? "" : numbers.join("@"));
    trace.keep({ operation, path, detail, answer: String(answer), fault: fault?.kind });
  }
}

type Outcome<T> = { readonly value: T } | { readonly error: Error };

/** What a crash can make a difference to. */
const CHANGING: ReadonlySet<SimOperation> = new Set<SimOperation>([
  ...FAULT_OPERATIONS.readOnly,
  "sync",
  "datasync",
  "syncDirectory",
]);

/** Awaiting it takes one turn of the microtask queue. */
const SETTLED = Promise.resolve();

function ended<T>(call: Call<T>, fault: Fault | undefined, begun: Outcome<T>): Outcome<T> {
  if ("error" in begun) return begun;
  call.end?.(fault);
  if (fault === undefined || !failsWithCode(fault.kind)) return begun;
  return { error: systemError(fault.code ?? DEFAULT_CODE, call.operation, call.path) };
}

/** A number of bytes, whether a lock was taken, the code of an error, or that it was done. */
function answerOf(outcome: Outcome<unknown>): number | string {
  if ("error" in outcome) return codeOf(outcome.error);
  if (typeof outcome.value === "boolean") return Number(outcome.value);
  return typeof outcome.value === "number" ? outcome.value : "ok";
}

/** One for each call: a promise that many wait for would keep them all. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
