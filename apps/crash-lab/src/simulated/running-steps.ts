import type { Step } from "./trial.js";

/** Runs the steps of a life in their order. Lazy ones go on beside those behind them, until somebody joins them. */
export class RunningSteps {
  #lazy: Promise<void>[] = [];

  /** Whether a lazy step was begun and not joined. */
  get hasLazy(): boolean {
    return this.#lazy.length > 0;
  }

  /** Resolves when all steps are done, lazy ones as well. Rejects with what the first of them throws. */
  async run(steps: readonly Step[], run: (step: Step) => Promise<void>): Promise<void> {
    for (const step of steps) {
      const running = run(step);
      if (!step.lazy) {
        await running;
        continue;
      }
      // It is waited for in `join`; until then nobody else listens.
      running.catch(() => undefined);
      this.#lazy.push(running);
    }
    await this.join();
  }

  /** Waits for the lazy steps that were begun. */
  async join(): Promise<void> {
    const lazy = this.#lazy;
    this.#lazy = [];
    await Promise.all(lazy);
  }
}
