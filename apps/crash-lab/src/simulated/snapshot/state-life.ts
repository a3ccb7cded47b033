import type { StateStore } from "@holdfast/snapshot";
import { hasCode, type StorageBackend } from "@holdfast/storage";
import { RunningSteps } from "../running-steps.js";
import type { Step } from "../trial.js";
import { Violation } from "../violation.js";
import { MAX_COMMIT_BYTES } from "./plain-subject.js";
import { expectedError } from "./state-errors.js";
import type { StateHost, StateLifeParts } from "./state-host.js";
import type { Names, StateSubject } from "./state-subject.js";

/** One life of a process that keeps a state. */
export class StateLife<S, E> {
  readonly #life: StateLifeParts;
  readonly #host: StateHost;
  readonly #subject: StateSubject<S, E>;
  readonly #steps = new RunningSteps();
  #storage: StorageBackend | undefined;
  #store: StateStore<S, E> | undefined;
  /** Nothing disturbed the store since it was opened. */
  #calm = false;
  #poisoned = false;

  constructor(life: StateLifeParts, host: StateHost, subject: StateSubject<S, E>) {
    this.#life = life;
    this.#host = host;
    this.#subject = subject;
  }

  async run(): Promise<void> {
    await this.#steps.run(this.#life.steps, (step) => this.#step(step));
  }

  async #step({ op, numbers }: Step): Promise<void> {
    if (op === "h") {
      this.#life.heal();
      return;
    }
    if (op === "o") {
      await this.#steps.join();
      if (this.#store === undefined) await this.#open();
      return;
    }
    const store = this.#store;
    if (store === undefined) return;
    if (op === "u") return this.#commit(store, numbers);
    if (op === "r") return this.#refusedEvent(store);
    if (op === "l") return this.#tooLarge(store);
    if (op === "s") return this.#snapshot(store);
    if (op === "w") {
      await this.#life.clock.advance(numbers[0] ?? 0);
      return;
    }
    await this.#steps.join();
    if (op === "x") this.#spoil(numbers[0] ?? 0);
    else if (op === "c") {
      await this.#close(store);
      await this.#open();
    } else throw new RangeError(`the state store has no step ${JSON.stringify(op)}`);
  }

  async #open(): Promise<void> {
    const { modules, ledger, clock, options, faults } = this.#life;
    const calm = this.#life.isCalm();
    try {
      this.#storage = await this.#host.open();
      this.#store = await this.#subject.open({ modules, storage: this.#storage, clock, random: this.#life.random(), words: options });
    } catch (error) {
      const { code } = expectedError(error, "opening", { faults, calm });
      if (code === "STORAGE_LOCKED") throw new Violation("I12", "the lock of a process that is gone is still held", { cause: error });
      this.#end();
      return;
    }
    const names = this.#subject.names(this.#store.state);
    const { seq } = this.#store;
    if (!this.#subject.fits(seq, names)) throw new Violation("I7", `the state has ${names.length} events, and its number is ${seq}`);
    ledger.shown(names);
    ledger.opened();
    this.#subject.check(this.#store.state, modules);
    this.#calm = calm;
    this.#poisoned = false;
  }

  /** Events of so many bytes, as one unit. They are made for the newest state, which the store shows to `update` alone. */
  async #commit(store: StateStore<S, E>, sizes: readonly number[]): Promise<void> {
    const { ledger } = this.#life;
    const names = ledger.newNames(sizes.length);
    const shown = (): Names => this.#subject.names(store.state);
    let events: readonly E[] = [];
    try {
      // In one turn, so that nothing comes in between.
      const looking = store.update((pending) => {
        ledger.offer(names, this.#subject.names(pending).at(-1) ?? 0);
        events = this.#subject.batch(names, sizes, pending);
        return events.length === 1 ? events[0] : undefined;
      });
      const committing = events.length > 1 ? store.commitBatch(events).then(({ first }) => first) : looking.then((seq) => seq ?? 0);
      committing.catch(() => undefined); // It is awaited below.
      if (events.length > 1) await looking;
      if (names.some((name) => shown().includes(name))) throw new Violation("I1", `the state shows event ${names.join(", ")}, which is not written yet`);
      const first = await committing;
      if (this.#poisoned) throw new Violation("I9", `event ${names.join(", ")} is acknowledged by a store that is poisoned`);
      ledger.acknowledge(names, this.#subject.positionOf(names[0] ?? 0, first, shown()), shown());
    } catch (error) {
      this.#failed(error, "commit", names);
    }
    ledger.shown(shown());
    this.#subject.check(store.state, this.#life.modules);
  }

  async #refusedEvent(store: StateStore<S, E>): Promise<void> {
    const { seq } = store;
    try {
      await store.commit(this.#subject.refused);
    } catch (error) {
      if (hasCode(error, "STATE_EVENT_REJECTED")) return;
      this.#failed(error, "a commit that is refused", []);
      return;
    }
    throw new Violation("I3", `an event that the reducer refuses is acknowledged behind ${seq} others`);
  }

  /** An event that no commit has room for, and one that was made for the state behind it: neither is there. */
  async #tooLarge(store: StateStore<S, E>): Promise<void> {
    const { ledger } = this.#life;
    const large = store.commit(this.#subject.large(ledger.newNames(1)[0] ?? 0, 2 * MAX_COMMIT_BYTES));
    const behind = store.update(() => this.#subject.large(ledger.newNames(1)[0] ?? 0, 0));
    for (const result of await Promise.allSettled([large, behind])) {
      if (result.status === "fulfilled") throw new Violation("I4", `an event is acknowledged as ${result.value ?? 0} that was made for a state which never was`);
      const { reason } = result as { readonly reason: unknown };
      if (!hasCode(reason, "WAL_TOO_LARGE") && !hasCode(reason, "STATE_CONFLICT")) this.#failed(reason, "commit", []);
    }
  }

  async #snapshot(store: StateStore<S, E>): Promise<void> {
    const { seq } = store;
    const last = store.health.lastSnapshot?.seq ?? 0;
    try {
      const made = await store.snapshot();
      if ((made?.seq ?? 0) < seq) throw new Violation("I1", `a snapshot of ${made?.seq ?? 0} is made for ${seq}`);
      // Only one that this process has made was surely followed by the tidying up.
      if (made !== undefined && made.seq > last && this.#calm) this.#life.ledger.snapshotMade();
    } catch (error) {
      this.#failed(error, "snapshot", []);
    }
  }

  /** A bit of the newest snapshot is harmed, so many bytes before its end, unless the one before it already is unreadable. */
  #spoil(fromEnd: number): void {
    const { ledger } = this.#life;
    if (ledger.maySpoil && this.#host.spoil(fromEnd)) ledger.spoiled();
  }

  async #close(store: StateStore<S, E>): Promise<void> {
    try {
      await store.close();
      await this.#storage?.close();
    } catch (error) {
      this.#failed(error, "close", []);
    }
    this.#end();
  }

  /** The process ends, and whatever it did not close is closed. */
  #end(): void {
    this.#host.end();
    this.#storage = undefined;
    this.#store = undefined;
  }

  #failed(error: unknown, what: string, names: Names): void {
    const { ledger, faults } = this.#life;
    const known = expectedError(error, what, { faults, calm: this.#calm });
    if (known.outcome === "not_applied") ledger.withdraw(names);
    if (known.code === "WAL_POISONED") this.#poisoned = true;
  }
}
