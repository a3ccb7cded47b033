import { onAbort } from "@holdfast/storage";

/** Waits for work that others wait for too, and that goes on when this caller gives up. @throws `signal.reason`. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const letGo = onAbort(signal, () => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- The contract: an aborted call rejects with its reason.
      reject(signal.reason);
    });
    void work.then(resolve, reject).finally(letGo);
  });
}
