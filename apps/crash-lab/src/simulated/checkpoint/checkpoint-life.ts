import type { CheckpointStore } from "@holdfast/checkpoint";
import { hasCode } from "@holdfast/storage";
import type { FsBackend } from "@holdfast/storage-fs";
import type { SimProcess } from "@holdfast/storage-sim";
import type { Life } from "../life.js";
import { RunningSteps } from "../running-steps.js";
import { spoilNewest } from "../spoil-newest.js";
import type { Step } from "../trial.js";
import { Violation } from "../violation.js";
import { expectedError } from "./checkpoint-errors.js";
import { KEEP, type CheckpointLedger, type Shown } from "./checkpoint-ledger.js";
import { stateOf, STREAM, valueOf } from "./checkpoint-value.js";

/** One life of a process that keeps checkpoints. */
export class CheckpointLife {
  readonly #life: Life<CheckpointLedger>;
  readonly #steps = new RunningSteps();
  #process: SimProcess;
  #storage: FsBackend | undefined;
  #store: CheckpointStore | undefined;
  /** Nothing disturbed the store since it was opened. */
  #calm = false;

  constructor(life: Life<CheckpointLedger>) {
    this.#life = life;
    this.#process = life.disk.process();
  }

  async run(): Promise<void> {
    await this.#steps.run(this.#life.steps, (step) => this.#step(step));
  }

  async #step({ op, numbers }: Step): Promise<void> {
    const [size = 0] = numbers;
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
    const { latest } = this.#life.ledger;
    if (op === "s") return this.#save(store, latest + 10, size);
    if (op === "r") return this.#save(store, Math.max(1, latest), size);
    if (op === "l") return this.#save(store, Math.max(1, latest - 5), size);
    await this.#steps.join();
    if (op === "d") await this.#delete(store, this.#life.ledger.latest + (size === 0 ? 0 : 1));
    else if (op === "v") await this.#look(store);
    else if (op === "x") this.#spoil(size);
    else if (op === "c") {
      await this.#close(store);
      await this.#open();
    } else throw new RangeError(`the checkpoint store has no step ${JSON.stringify(op)}`);
  }

  async #open(): Promise<void> {
    const { modules, clock } = this.#life;
    const calm = this.#life.isCalm();
    try {
      this.#storage = await modules.storageFs.fsBackend({ root: "/data", port: this.#process.port, clock, random: this.#life.random() });
      const store = modules.checkpoint.checkpointStore({ storage: this.#storage, prefix: "checkpoints", keep: KEEP, clock, random: this.#life.random() });
      await store.open(STREAM);
      this.#store = store;
      this.#calm = calm;
    } catch (error) {
      expectedError(error, "opening", { faults: this.#life.faults, calm });
      this.#end();
      return;
    }
    await this.#look(this.#store);
  }

  async #save(store: CheckpointStore, sequence: number, bytes: number): Promise<void> {
    const { ledger } = this.#life;
    const value = ledger.offer(sequence);
    try {
      const { stored } = await store.save(stateOf(sequence, value, bytes), { ifExists: "replace" });
      if (stored) ledger.acknowledge(sequence, value);
      else ledger.withdraw(sequence, value);
    } catch (error) {
      const { outcome } = this.#failed(error, "a save");
      if (outcome === "not_applied") ledger.withdraw(sequence, value);
    }
  }

  async #delete(store: CheckpointStore, below: number): Promise<void> {
    const { ledger } = this.#life;
    ledger.deleting(below);
    try {
      await store.deleteBefore(STREAM, BigInt(below));
      ledger.deleted(below);
    } catch (error) {
      this.#failed(error, "a deletion");
    }
  }

  /** All that the store shows, in the ways there are, which have to agree. */
  async #look(store: CheckpointStore): Promise<void> {
    try {
      const found = new Map<number, number | "damaged">();
      for (const { sequence } of await store.list(STREAM)) found.set(Number(sequence), await this.#get(store, sequence));
      const { checkpoint, skipped } = await store.latest(STREAM);
      const latest = checkpoint && valueOf(checkpoint.state);
      // What reads wrongly once reads rightly the next time.
      const isSteady = this.#life.faults === "honest" && skipped.every(({ error }) => hasCode(error, "CHECKPOINT_CORRUPT"));
      if (isSteady) checkLatest(found, latest, skipped.length);
      this.#life.ledger.shown(found);
    } catch (error) {
      this.#failed(error, "reading");
    }
  }

  async #get(store: CheckpointStore, sequence: bigint): Promise<number | "damaged"> {
    try {
      const found = await store.get(STREAM, sequence);
      if (found === undefined) throw new Violation("I1", `the checkpoint of ${sequence} is listed, and is not there`);
      return valueOf(found.state);
    } catch (error) {
      if (hasCode(error, "CHECKPOINT_CORRUPT")) return "damaged";
      throw error;
    }
  }

  /** A bit of the newest checkpoint is harmed, so many bytes before its end. */
  #spoil(fromEnd: number): void {
    const { disk, ledger } = this.#life;
    const path = spoilNewest(disk, ".ckpt", fromEnd);
    if (path === undefined) return;
    ledger.spoiled(Number(/(\d{20})-\d{20}\.ckpt$/.exec(path)?.[1] ?? "0"));
  }

  async #close(store: CheckpointStore): Promise<void> {
    try {
      await store.close();
      await this.#storage?.close();
    } catch (error) {
      this.#failed(error, "close");
    }
    this.#end();
  }

  /** The process ends, and whatever it did not close is closed. */
  #end(): void {
    this.#process.kill();
    this.#process = this.#life.disk.process();
    this.#storage = undefined;
    this.#store = undefined;
  }

  #failed(error: unknown, what: string): ReturnType<typeof expectedError> {
    return expectedError(error, what, { faults: this.#life.faults, calm: this.#calm });
  }
}

/** The latest is the highest one that can be read, and those above it are reported. */
function checkLatest(found: Shown, latest: number | undefined, skipped: number): void {
  const descending = [...found.values()].reverse();
  const damaged = descending.findIndex((value) => value !== "damaged");
  const expected = damaged < 0 ? undefined : descending[damaged];
  if (latest !== expected) throw new Violation("I1", `the latest that can be read is ${expected ?? "none"}, and ${latest ?? "none"} is given`);
  if (skipped !== (damaged < 0 ? descending.length : damaged)) throw new Violation("I5", `${skipped} damaged checkpoints are reported above ${latest ?? "none"}`);
}
