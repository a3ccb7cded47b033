import type { RuntimeStore } from "@holdfast/runtime";
import { hasCode } from "@holdfast/storage";
import type { FsBackend } from "@holdfast/storage-fs";
import type { SimProcess } from "@holdfast/storage-sim";
import type { Life } from "../life.js";
import { expectedError } from "../snapshot/state-errors.js";
import type { StateLedger } from "../snapshot/state-ledger.js";
import { RunningSteps } from "../running-steps.js";
import { spoilNewest } from "../spoil-newest.js";
import type { Step } from "../trial.js";
import { Violation } from "../violation.js";
import { checkFiles } from "./runtime-files.js";
import { contentOf, shownNames, WORKER } from "./runtime-names.js";

/** One life of a process that keeps a runtime. */
export class RuntimeLife {
  readonly #life: Life<StateLedger>;
  readonly #steps = new RunningSteps();
  #process: SimProcess;
  #storage: FsBackend | undefined;
  #store: RuntimeStore | undefined;
  /** Nothing disturbed the store since it was opened. */
  #calm = false;
  #poisoned = false;
  /** Names of mutations on their way, oldest first. */
  #underway: (readonly number[])[] = [];
  /** The last name that was shown. */
  #last = 0;

  constructor(life: Life<StateLedger>) {
    this.#life = life;
    this.#process = life.disk.process();
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
    if (op === "u") return this.#append(store, numbers);
    if (op === "l") return this.#tooLarge(store);
    if (op === "s") return this.#checkpoint(store);
    if (op === "t") return this.#trim(store);
    if (op === "w") {
      await this.#life.clock.advance(numbers[0] ?? 0);
      return;
    }
    await this.#steps.join();
    if (op === "x") this.#spoil(numbers[0] ?? 0);
    else if (op === "c") {
      await this.#close(store);
      await this.#open();
    } else throw new RangeError(`the runtime store has no step ${JSON.stringify(op)}`);
  }

  async #open(): Promise<void> {
    const { faults } = this.#life;
    const calm = this.#life.isCalm();
    try {
      const store = await this.#opened();
      this.#store = store;
      // Its first worker is there, or is made: nothing was promised before it.
      if (store.listWorkers().length === 0) await store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
      this.#show(await shownNames(store));
    } catch (error) {
      const { code } = expectedError(error, "opening", { faults, calm });
      if (code === "STORAGE_LOCKED") throw new Violation("I12", "the lock of a process that is gone is still held", { cause: error });
      this.#end();
      return;
    }
    this.#calm = calm;
    this.#poisoned = false;
  }

  async #opened(): Promise<RuntimeStore> {
    const { modules, clock, options } = this.#life;
    const common = { runtimeId: "lab", pageBytes: options.has("often") ? 4096 : 65_536, maxContentBytes: 2 ** 23, clock, random: this.#life.random() };
    if (options.has("files")) return modules.runtime.openRuntimeDirectory("/data", { ...common, port: this.#process.port });
    this.#storage = await modules.storageFs.fsBackend({ root: "/data", port: this.#process.port, clock, random: this.#life.random() });
    return modules.runtime.openRuntimeStore({ ...common, storage: this.#storage });
  }

  /** Entries of so many bytes, as one mutation. Order of calls is order of mutations. */
  async #append(store: RuntimeStore, sizes: readonly number[]): Promise<void> {
    const { ledger } = this.#life;
    const names = ledger.newNames(sizes.length);
    ledger.offer(names, this.#underway.at(-1)?.at(-1) ?? this.#last);
    this.#underway.push(names);
    try {
      const sequence = await this.#appending(store, names, sizes);
      if (this.#poisoned) throw new Violation("I9", `entry ${names.join(", ")} is acknowledged by a store that is poisoned`);
      this.#last = names.at(-1) ?? this.#last;
      const shown = await this.#names(store);
      if (shown !== undefined) ledger.acknowledge(names, Number(sequence), shown);
    } catch (error) {
      this.#failed(error, "append", names);
    } finally {
      this.#underway = this.#underway.filter((it) => it !== names);
    }
    this.#show(await this.#names(store));
  }

  async #appending(store: RuntimeStore, names: readonly number[], sizes: readonly number[]): Promise<bigint> {
    const entries = names.map((name, index) => ({ role: "user", content: contentOf(name, sizes[index] ?? 0) }));
    const [only] = entries;
    const before = store.getWorker(WORKER).transcriptLength;
    const appending = entries.length === 1 && only !== undefined ? store.sendInput(WORKER, only).then((it) => it.transcriptSequence) : store.appendTranscript(WORKER, entries).then((it) => it.firstSequence);
    appending.catch(() => undefined); // It is awaited below.
    if (store.getWorker(WORKER).transcriptLength !== before) throw new Violation("I1", `the transcript shows entry ${names.join(", ")}, which is not written yet`);
    return appending;
  }

  /** A mutation that no commit has room for, and one that was made for the runtime behind it: neither is there. */
  async #tooLarge(store: RuntimeStore): Promise<void> {
    const large = store.appendTranscript(WORKER, Array.from({ length: 3 }, () => ({ role: "user", content: "x".repeat(6_000_000) })));
    const behind = store.sendInput(WORKER, { role: "user", content: contentOf(this.#life.ledger.newNames(1)[0] ?? 0, 0) });
    for (const result of await Promise.allSettled([large, behind])) {
      if (result.status === "fulfilled") throw new Violation("I4", "a mutation is acknowledged that was made for a runtime which never was");
      const { reason } = result as { readonly reason: unknown };
      if (!hasCode(reason, "WAL_TOO_LARGE") && !hasCode(reason, "RUNTIME_CONFLICT")) this.#failed(reason, "append", []);
    }
  }

  async #checkpoint(store: RuntimeStore): Promise<void> {
    const isDue = store.health.journalBytes > 0;
    try {
      await store.checkpoint();
      // Only one that this process has made was surely followed by the tidying up.
      if (isDue && this.#calm) this.#life.ledger.snapshotMade();
    } catch (error) {
      this.#failed(error, "checkpoint", []);
    }
  }

  async #trim(store: RuntimeStore): Promise<void> {
    const { nextEventId } = store.cursorNow();
    try {
      await store.trimEvents(nextEventId / 2n);
    } catch (error) {
      this.#failed(error, "trim", []);
    }
  }

  /** A bit of the newest snapshot is harmed, so many bytes before its end, unless the one before it already is unreadable. */
  #spoil(fromEnd: number): void {
    const { disk, ledger } = this.#life;
    if (ledger.maySpoil && spoilNewest(disk, ".state", fromEnd) !== undefined) ledger.spoiled();
  }

  async #close(store: RuntimeStore): Promise<void> {
    const { options, disk, faults } = this.#life;
    try {
      const shown = await this.#names(store);
      const isCalm = this.#calm && faults === "honest";
      await store.close();
      await this.#storage?.close();
      if (options.has("files") && isCalm && shown !== undefined) checkFiles(disk.files(), shown);
    } catch (error) {
      this.#failed(error, "close", []);
    }
    this.#end();
  }

  /** What the store shows. A damaged page is told, and hides what it has: `undefined`. */
  async #names(store: RuntimeStore): Promise<readonly number[] | undefined> {
    try {
      return await shownNames(store);
    } catch (error) {
      this.#failed(error, "a query", []);
      return undefined;
    }
  }

  #show(names: readonly number[] | undefined): void {
    if (names === undefined) return;
    this.#life.ledger.shown(names);
    this.#last = names.at(-1) ?? 0;
  }

  /** The process ends, and whatever it did not close is closed. */
  #end(): void {
    this.#process.kill();
    this.#process = this.#life.disk.process();
    this.#storage = undefined;
    this.#store = undefined;
    this.#underway = [];
  }

  #failed(error: unknown, what: string, names: readonly number[]): void {
    const { ledger, faults } = this.#life;
    const known = expectedError(error, what, { faults, calm: this.#calm });
    if (known.outcome === "not_applied") ledger.withdraw(names);
    if (known.code === "WAL_POISONED") this.#poisoned = true;
  }
}
