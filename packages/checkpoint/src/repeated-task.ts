/** Work that is wanted now and then, done once for all who want it while it is not going on, and once more for those who come meanwhile. */
export class RepeatedTask {
  readonly #work: () => Promise<void>;
  #isWanted = false;
  #running: Promise<void> | undefined;

  /** @param work - Does not reject. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  request(): void {
    this.#isWanted = true;
    this.#running ??= this.#run();
  }

  /** Resolves when all that was wanted is done. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // In a turn of its own, so that who asks for it goes on first.
    await Promise.resolve();
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#work();
    }
    this.#running = undefined;
  }
}
