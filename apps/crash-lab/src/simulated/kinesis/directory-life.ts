import type { KinesisContents, KinesisDirectory } from "@holdfast/kinesis";
import { hasCode, isHoldfastError, type HoldfastError } from "@holdfast/storage";
import type { SimProcess } from "@holdfast/storage-sim";
import type { Life } from "../life.js";
import { RunningSteps } from "../running-steps.js";
import type { Step } from "../trial.js";
import { Violation } from "../violation.js";
import type { DirectoryLedger } from "./directory-ledger.js";

/** One life of a process that keeps its state in a directory of ferrokinesis. */
export class DirectoryLife {
  readonly #life: Life<DirectoryLedger>;
  readonly #steps = new RunningSteps();
  #process: SimProcess;
  #directory: KinesisDirectory | undefined;
  /** Nothing disturbed the directory since it was opened. */
  #calm = false;
  #poisoned = false;

  constructor(life: Life<DirectoryLedger>) {
    this.#life = life;
    this.#process = life.disk.process();
  }

  async run(): Promise<void> {
    await this.#steps.run(this.#life.steps, (step) => this.#step(step));
  }

  async #step({ op, numbers: [number = 0] }: Step): Promise<void> {
    const { clock } = this.#life;
    if (op === "h") this.#life.heal();
    else if (op === "w") await clock.advance(number);
    else if (op === "b") clock.step(-number);
    else if (op === "a") await this.#append(number);
    else if (op === "s") await this.#snapshot();
    else if (op === "o" || op === "c") {
      await this.#steps.join();
      await this.#close();
      await this.#open();
    } else throw new RangeError(`a directory has no step ${JSON.stringify(op)}`);
  }

  async #open(): Promise<void> {
    const { ledger, faults } = this.#life;
    const calm = this.#life.isCalm();
    const directory = await this.#opened("strict").catch((error: unknown) => {
      // An entry that was being written may have its full length and lack sectors. It has no checksum, so that it is refused as damaged.
      if (hasCode(error, "WAL_CORRUPT") && (ledger.isOpen || faults !== "honest")) return this.#opened("recover");
      throw error;
    }).catch((error: unknown) => {
      const { code } = this.#expected(error, "opening", calm);
      if (code === "STORAGE_LOCKED") throw new Violation("I12", "the lock of a process that is gone is still held", { cause: error });
      return undefined;
    });
    if (directory === undefined) {
      this.#end();
      return;
    }
    this.#directory = directory;
    this.#calm = calm;
    this.#poisoned = false;
    const { state, recovery } = directory;
    if (recovery.unplaced !== undefined && faults === "honest") throw new Violation("I4", "the log has entries that cannot be placed, though only this package has written them");
    ledger.found(state && { name: Number(state.retainedBytes), size: state.accountSettingsJson.length, createdAtMs: state.createdAtMs });
  }

  #opened(mode: "recover" | "strict"): Promise<KinesisDirectory> {
    const { modules, clock, options } = this.#life;
    const ports = { port: this.#process.port, clock, random: this.#life.random() };
    return modules.kinesis.openKinesisDirectory("/state", { ...ports, mode, snapshotIntervalSeconds: options.has("often") ? 1 : 0 });
  }

  async #append(size: number): Promise<void> {
    const directory = this.#directory;
    if (directory === undefined) return;
    const { ledger } = this.#life;
    const name = ledger.offer(size);
    try {
      const { createdAtMs } = await directory.append(contentsOf(name, size));
      if (this.#poisoned) throw new Violation("I9", `state ${name} is acknowledged by a directory that is poisoned`);
      ledger.acknowledge(name, createdAtMs);
    } catch (error) {
      if (this.#failed(error, "append").outcome === "not_applied") ledger.withdraw(name);
    }
  }

  async #snapshot(): Promise<void> {
    await this.#directory?.snapshot().catch((error: unknown) => {
      this.#failed(error, "snapshot");
    });
  }

  async #close(): Promise<void> {
    await this.#directory?.close().catch((error: unknown) => {
      this.#failed(error, "close");
    });
    this.#end();
  }

  /** The process ends, and whatever it did not close is closed. */
  #end(): void {
    this.#process.kill();
    this.#process = this.#life.disk.process();
    this.#directory = undefined;
  }

  #failed(error: unknown, what: string): HoldfastError {
    const known = this.#expected(error, what, this.#calm);
    if (known.code === "KINESIS_POISONED") this.#poisoned = true;
    return known;
  }

  /** Checks that an error is one that a directory may give, and answers it. @throws Violation */
  #expected(error: unknown, what: string, calm: boolean): HoldfastError {
    if (error instanceof Violation) throw error;
    if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
    if (this.#life.faults !== "honest") return error;
    if (DAMAGE.has(error.code)) throw new Violation("I5", `${what} fails with ${error.code}, though nothing was lost: ${error.message}`, { cause: error });
    if (calm) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
    return error;
  }
}

/** What says that something which was there once is gone or changed. */
const DAMAGE: ReadonlySet<string> = new Set(["KINESIS_SNAPSHOT_CORRUPT", "KINESIS_CHANGED", "WAL_CORRUPT", "WAL_NOT_A_LOG"]);

function contentsOf(name: number, size: number): KinesisContents {
  return {
    streams: [],
    records: [],
    consumers: [],
    policies: [],
    resourceTags: [],
    accountSettingsJson: new Uint8Array(size).fill(0x61 + (name % 26)),
    pendingTransitions: [],
    retainedBytes: BigInt(name),
    retainedRecords: 0n,
  };
}
