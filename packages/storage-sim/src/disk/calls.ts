import type { Adversary } from "../adversary.js";
import { DEFAULT_CODE, FAULT_OPERATIONS, failsWithCode, type Fault, type SimOperation } from "../fault-plan.js";
import type { FaultInjector } from "./fault-injector.js";
import type { FileSystem } from "./file-system.js";
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
  /** For the trace. */
  readonly numbers?: readonly [number, number];
  readonly other?: string;
  /** Done at once. What it throws is answered in its time. */
  begin(fault: Fault | undefined): T;
  /** Done before the answer, also when nobody waits for it any more. */
  end?(value: T, fault: Fault | undefined): void;
}

/** What {@link Calls} needs. */
export interface CallsParts {
  readonly fileSystem: FileSystem;
  readonly faults: FaultInjector;
  readonly trace: Trace;
  readonly stats: StatsCounter;
  readonly adversary: Adversary;
  /** Clean pages of all files leave the cache. */
  evict(): void;
  /** How many turns of the microtask queue a call may take. */
  readonly maxTurns: number;
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

  get stopped(): boolean {
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
    if (this.#stopped || killed()) return never();
    const { operation, path } = call;
    this.#count += 1;
    const count = this.#count;
    this.#parts.stats.called(operation);
    this.#notify(count, "called", call);
    if (this.#stopped) return never();
    const fault = this.#parts.faults.next(operation, path);
    let outcome = this.#begin(call, fault);
    this.#notify(count, "begun", call);
    for (let turns = this.#turns(); turns > 0; turns -= 1) await undefined;
    if (this.#stopped) return never();
    outcome = end(call, fault, outcome);
    this.#record(call, fault, outcome);
    this.#notify(count, "done", call);
    if (this.#stopped || killed()) return never();
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
    if (kind === "readOnly") this.#parts.fileSystem.readOnly = true;
    if (kind === "evict") this.#parts.evict();
  }

  #turns(): number {
    const { maxTurns, adversary } = this.#parts;
    return maxTurns === 1 ? 1 : 1 + adversary.choose("turns of a call", maxTurns);
  }

  #notify(call: number, phase: SimStep["phase"], { operation, path }: Call<unknown>): void {
    if (this.#observers.size === 0) return;
    const step = { call, phase, operation, path, changes: CHANGING.has(operation) };
    for (const observer of this.#observers) observer(step);
  }

  #record({ operation, path, numbers, other }: Call<unknown>, fault: Fault | undefined, outcome: Outcome<unknown>): void {
    const { trace } = this.#parts;
    trace.add(FAULT_OPERATIONS.fail.indexOf(operation));
    trace.addName(path);
    if (other !== undefined) trace.addName(other);
    if (numbers !== undefined) {
      trace.add(numbers[0]);
      trace.add(numbers[1]);
    }
    if (fault !== undefined) trace.addText(fault.kind);
    const value = "error" in outcome ? codeOf(outcome.error) : outcome.value;
    if (typeof value === "number" || typeof value === "boolean") trace.add(Number(value));
    else if (typeof value === "string" && "error" in outcome) trace.addText(value);
    trace.keep(() => ({
      operation,
      path,
      detail: other ?? (numbers === undefined ? "" : `${numbers[0]}@${numbers[1]}`),
      answer: typeof value === "number" || typeof value === "boolean" || "error" in outcome ? String(value) : "ok",
      fault: fault?.kind,
    }));
  }
}

type Outcome<T> = { readonly value: T } | { readonly error: Error };

/** What a crash can make a difference to. */
const CHANGING: ReadonlySet<SimOperation> = new Set<SimOperation>([
  "open", "mkdir", "link", "rename", "unlink", "syncDirectory", "write", "dsyncWrite", "sync", "datasync", "truncate",
]);

function end<T>(call: Call<T>, fault: Fault | undefined, outcome: Outcome<T>): Outcome<T> {
  if ("error" in outcome) return outcome;
  call.end?.(outcome.value, fault);
  if (fault === undefined || !failsWithCode(fault.kind)) return outcome;
  return { error: systemError(fault.code ?? DEFAULT_CODE, call.operation, call.path) };
}

/** One for each call: a promise that many wait for would keep them all. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
