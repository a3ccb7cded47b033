/** Something other than a commit that needs the writer for itself. */
export interface Control {
  /** What it does with the writer. */
  readonly run: () => Promise<void>;
  /** Tells whoever asked for it that it is done. */
  readonly resolve: () => void;
  /** Tells whoever asked for it that it failed, or was never begun. */
  readonly reject: (error: unknown) => void;
}

/** What has to be done with the writer between commits, in the order in which it was asked for. */
export class ControlQueue {
  readonly #waiting: Control[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Puts a step behind those that wait. Resolves when whoever took it says so, rejects as they say. */
  add(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ run, resolve, reject });
    });
  }

  /** The next step, which is the caller's to run and to answer; `undefined` if none waits. */
  take(): Control | undefined {
    return this.#waiting.shift();
  }

  /** Rejects everything that waits: none of it will be run. */
  fail(error: unknown): void {
    for (const control of this.#waiting.splice(0)) control.reject(error);
  }
}
