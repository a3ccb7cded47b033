/** How a commit comes out: one promise for all that joined it. */
export class Outcome {
  readonly promise: Promise<void>;
  #resolve: () => void = NOTHING;
  #reject: (error: unknown) => void = NOTHING;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Called once: with `undefined` when the commit is as durable as was asked for. */
  settle(error: unknown): void {
    if (error === undefined) this.#resolve();
    else this.#reject(error);
  }
}

const NOTHING = (): void => undefined;
