import type { Clock } from "@holdfast/storage/ports";
import { mildAdversary, quiet, seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore, type SimObjectStoreOptions } from "@holdfast/storage-sim/object-store";
import { s3Backend, type S3BackendOptions } from "../../src/index.js";

/** Keys that must never show. */
export const CREDENTIALS = { accessKeyId: "AKIDSHOWN", secretAccessKey: "canary-secret", sessionToken: "canary-session" } as const;

/** A simulated store, its clock, and backends on it. */
export interface Sim {
  readonly store: SimObjectStore;
  readonly clock: VirtualClock;
  /** A backend with connections of its own. */
  backend(options?: Partial<S3BackendOptions>): ReturnType<typeof s3Backend>;
  /** Lets time pass until the work is done. */
  run<T>(work: Promise<T>): Promise<T>;
  /** As `run`, for work that fails: what it rejects with. */
  failure(work: Promise<unknown>): Promise<unknown>;
}

export function sim(options: Partial<SimObjectStoreOptions> = {}): Sim {
  const clock = virtualClock();
  const store = new SimObjectStore({ clock, adversary: mildAdversary, keepTrace: true, ...options });
  let opened = 0;
  return {
    store,
    clock,
    backend(more = {}) {
      opened += 1;
      return s3Backend({ ...simOptions(store, clock, opened), ...more });
    },
    run: (work) => driveClock(clock, work),
    failure: (work) =>
      driveClock(clock, work.then(
        () => { throw new Error("nothing failed"); },
        (error: unknown) => error,
      )),
  };
}

export function simOptions(store: SimObjectStore, clock: Clock, seed: number): S3BackendOptions {
  return { bucket: "bucket", endpoint: "http://localhost", region: "us-east-1", credentials: CREDENTIALS, port: store.port(), clock, random: seededRandom(seed) };
}

/** A virtual clock that moves by itself whenever nothing can go on without: for suites that know nothing of it. */
export function selfDrivenClock(): Clock {
  const clock = virtualClock();
  let running = false;
  const drive = async (): Promise<void> => {
    running = true;
    let stepMs = 1;
    await quiet();
    while (clock.timers > 0) {
      await clock.advance(stepMs);
      stepMs = Math.min(stepMs * 2, 60_000);
    }
    running = false;
  };
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimer(callback, delayMs, options) {
      const cancel = clock.setTimer(callback, delayMs, options);
      if (!running) void drive();
      return cancel;
    },
  };
}
