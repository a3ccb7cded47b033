/** Runs one piece of work after the other, in the order of calls. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves and rejects as `work` does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#last.then(work);
    // Whoever asked for it is told; the next one does not depend on it.
    this.#last = running.catch(() => undefined);
    return running;
  }
}
