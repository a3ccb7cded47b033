import { MAX_KEY_BYTES, systemClock } from "@holdfast/storage";
import type { AppendableStorage, StorageBackend } from "@holdfast/storage";

/** A backend under test, opened on contents of its own. Made by the implementer's `open`, once for every case. */
export interface ConformanceSubject {
  /** A handle on empty contents that nobody else uses. The suite closes it. */
  readonly backend: StorageBackend;
  /** Opens one more, independent handle on the same contents: what one handle writes, the others see. The suite closes it. */
  reopen(): Promise<StorageBackend>;
  /** Removes the contents. Called once, last, when every handle of the case has been closed. */
  cleanup(): Promise<void>;
  /**
   * Longest key in bytes that fits: 900, which is the default, or what a prefix leaves of it where the backend is a view below
   * one.
   */
  readonly maxKeyBytes?: number | undefined;
  /** How to open the same contents in another process. Absent where that is not possible, as in memory. */
  readonly otherProcess?: OtherProcess | undefined;
}

/** How a child process or a worker thread opens the contents of a {@link ConformanceSubject}. */
export interface OtherProcess {
  /**
   * A module that plain Node can import (JavaScript). It exports `open(argument: string): Promise<StorageBackend>`, see
   * {@link OpenInOtherProcess}.
   */
  readonly module: URL;
  /** Handed to that `open`: a path, an address, a JSON text. */
  readonly argument: string;
}

/** What the module of {@link OtherProcess} exports as `open`: a handle on the contents that `argument` names. */
export type OpenInOtherProcess = (argument: string) => Promise<StorageBackend>;

/** A capability that a case needs. A case is skipped where it is absent, and for no other reason. */
export type ConformanceNeed = "appendable" | "otherProcess";

/** What a case works with. */
export interface ConformanceContext {
  /** {@link ConformanceSubject.backend} */
  readonly backend: StorageBackend;
  /** {@link ConformanceSubject.reopen}; the handle is closed after the case. */
  readonly reopen: () => Promise<StorageBackend>;
  readonly maxKeyBytes: number;
  readonly otherProcess: OtherProcess | undefined;
  /** Random inputs that a property tries. */
  readonly propertyRuns: number;
  /** Calls `action` after the case, and waits for what it returns; the last one first, before the handles are closed. */
  readonly defer: (action: () => unknown) => void;
}

/** One rule of the contract. The name is the rule; `run` rejects where it is broken. */
export interface ConformanceCase {
  readonly chapter: string;
  readonly name: string;
  readonly needs: readonly ConformanceNeed[];
  run(context: ConformanceContext): Promise<void>;
}

/** Options of {@link runConformanceCase}. */
export interface ConformanceRunOptions {
  /** Opens the backend under test on fresh, empty contents. */
  open(): Promise<ConformanceSubject>;
  /** Milliseconds after which a case that has not ended has failed: 1 to 3,600,000. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Random inputs that each property tries: at least 1. Fewer for backends over a network. Default 60. */
  readonly propertyRuns?: number | undefined;
}

/** The rules of a chapter: a sentence, and what rejects where it is not true. */
export type ConformanceRules = Readonly<Record<string, ConformanceCase["run"]>>;

/** How a case ended that did not fail: `missing` names the capability for whose absence it was skipped. */
export interface ConformanceOutcome {
  readonly missing: ConformanceNeed | undefined;
}

/** {@link ConformanceRunOptions.timeoutMs} where it is not given. */
export const DEFAULT_TIMEOUT_MS = 30_000;
/** Milliseconds that every step of cleaning up after a case may take. */
export const CLEANUP_TIMEOUT_MS = 10_000;

const DEFAULT_PROPERTY_RUNS = 60;

/**
 * Opens the backend, runs one case against it, closes every handle and cleans up. Needs no test runner.
 *
 * @param conformanceCase - One of `conformanceCases`.
 * @param options - How to open the backend, and the bounds.
 * @returns Whether it was skipped.
 * @throws What the case threw (an AssertionError of node:assert, or what the backend rejected with), an error when it took
 * longer than `timeoutMs`, or what closing or cleaning up threw.
 */
export async function runConformanceCase(
  conformanceCase: ConformanceCase,
  options: ConformanceRunOptions,
): Promise<ConformanceOutcome> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const subject = await within(timeoutMs, "open", options.open());
  const missing = conformanceCase.needs.find((need) =>
    need === "appendable" ? subject.backend.appendable === undefined : subject.otherProcess === undefined,
  );
  const deferred: (() => unknown)[] = [() => subject.cleanup(), () => subject.backend.close()];
  const handles: StorageBackend[] = [];
  deferred.push(async () => {
    await Promise.all(handles.map((handle) => handle.close()));
  });
  const context: ConformanceContext = {
    backend: subject.backend,
    maxKeyBytes: subject.maxKeyBytes ?? MAX_KEY_BYTES,
    otherProcess: subject.otherProcess,
    propertyRuns: options.propertyRuns ?? DEFAULT_PROPERTY_RUNS,
    async reopen() {
      const handle = await subject.reopen();
      handles.push(handle);
      return handle;
    },
    defer(action) {
      deferred.push(action);
    },
  };
  const errors: unknown[] = [];
  try {
    if (missing === undefined) await within(timeoutMs, conformanceCase.name, conformanceCase.run(context));
  } catch (error) {
    errors.push(error);
  }
  for (const action of deferred.reverse()) {
    try {
      await within(Math.min(timeoutMs, CLEANUP_TIMEOUT_MS), `cleaning up after: ${conformanceCase.name}`, Promise.resolve().then(action));
    } catch (error) {
      errors.push(error);
    }
  }
  // The first error is the one that says what is wrong; what cleaning up ran into after it usually follows from it.
  if (errors.length > 0) throw errors[0];
  return { missing };
}

/** Makes cases of rules. */
export function chapter(name: string, needs: readonly ConformanceNeed[], rules: ConformanceRules): readonly ConformanceCase[] {
  return Object.entries(rules).map(([rule, run]) => ({ chapter: name, name: rule, needs, run }));
}

/** The `appendable` of a backend in a case that needs it. */
export function appendableOf(backend: StorageBackend): AppendableStorage {
  if (backend.appendable === undefined) throw new Error(`${backend.name}: another handle has no appendable, this one has`);
  return backend.appendable;
}

/**
 * Waits for `promise`, but not for ever.
 *
 * @param timeoutMs - Milliseconds.
 * @param what - Named in the error.
 * @throws What `promise` rejects with, or an `Error` when the time is over; the promise is left to itself then.
 */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let cancel: () => void = () => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    cancel = systemClock.setTimer(() => {
      reject(new Error(`not answered within ${timeoutMs} ms: ${what}`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}
