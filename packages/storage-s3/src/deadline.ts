import { onAbort } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";

/** The time a call has, together with the signal of its caller. */
export interface Deadline {
  /** Aborts when the caller aborts or the time is over. */
  readonly signal: AbortSignal;
  readonly isOver: boolean;
  /** Lets go of the timer and of the caller's signal. */
  end(): void;
}

/** Begins the time of a call, `timeoutMs` from now. Whoever begins it ends it, in every case. */
export function startDeadline(clock: Clock, timeoutMs: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const state = { isOver: false };
  const cancel = clock.setTimer(() => {
    state.isOver = true;
    controller.abort(new Error(`not done within ${timeoutMs} ms`));
  }, timeoutMs);
  const letGo = onAbort(caller, () => {
    controller.abort(caller?.reason);
  });
  return {
    signal: controller.signal,
    get isOver() {
      return state.isOver;
    },
    end() {
      cancel();
      letGo();
    },
  };
}

/** Resolves after `delayMs`. @throws `signal.reason`. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(() => {
      letGo();
      resolve();
    }, delayMs);
    const letGo = onAbort(signal, () => {
      cancel();
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- The contract: an aborted call rejects with its reason.
      reject(signal.reason);
    });
  });
}
