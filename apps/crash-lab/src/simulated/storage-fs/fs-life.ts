import { hasCode, type HoldfastError, type StorageKey } from "@holdfast/storage";
import type { FsBackend } from "@holdfast/storage-fs";
import type { SimProcess } from "@holdfast/storage-sim";
import type { Life } from "../life.js";
import { RunningSteps } from "../running-steps.js";
import type { Step } from "../trial.js";
import { Violation } from "../violation.js";
import { expectedError } from "./fs-errors.js";
import type { FsLedger } from "./fs-ledger.js";
import { lookAtAll } from "./fs-look.js";
import { FILES, LOCKED, OBJECT_KEYS, rootOf } from "./fs-place.js";
import { GrowingFiles } from "./growing-files.js";
import { valueBody, valueBytes } from "./object-bytes.js";
import type { Change } from "./object-ledger.js";

/** One life of a process that writes objects and files through a backend. */
export class FsLife {
  readonly #life: Life<FsLedger>;
  readonly #root: string;
  readonly #steps = new RunningSteps();
  #process: SimProcess;
  #storage: FsBackend | undefined;
  #files: GrowingFiles | undefined;
  /** Nothing disturbed the backend since it was opened. */
  #calm = false;
  /** Directories that were written to since then. */
  #written = new Set<string>();

  constructor(life: Life<FsLedger>) {
    this.#life = life;
    this.#root = rootOf(life.options);
    this.#process = life.disk.process();
  }

  async run(): Promise<void> {
    await this.#steps.run(this.#life.steps, (step) => this.#step(step));
    if (this.#calm) this.#checkLeftovers();
  }

  async #step(step: Step): Promise<void> {
    const { op, numbers } = step;
    if (op === "h") {
      this.#life.heal();
      return;
    }
    if (op === "o") {
      await this.#steps.join();
      if (this.#storage === undefined) await this.#open();
      return;
    }
    if (op === "l") return this.#lookElsewhere();
    const storage = this.#storage;
    if (storage === undefined) return;
    if (op === "u") return this.#usurp();
    if (op === "i") {
      await this.#steps.join();
      return this.#look(storage, false);
    }
    if (op === "c") {
      await this.#steps.join();
      await this.#close(storage);
      return this.#open();
    }
    return this.#write(storage, op, numbers);
  }

  #write(storage: FsBackend, op: string, [first = 0, size = 0, more = 0]: readonly number[]): Promise<void> {
    if (op === "n" || op === "p") return this.#put(storage, op === "n" ? "create" : "replace", this.#keyAt(first), size, 1 + (more % 3));
    if (op === "x") return this.#remove(storage, [this.#keyAt(first), ...(size === 0 ? [] : [this.#keyAt(size)])]);
    const file = FILES[first % FILES.length] ?? FILES[0];
    const files = this.#files;
    if (files === undefined) return Promise.resolve();
    if (op === "g") return files.append(file, size, more);
    if (op === "y") return files.sync(file);
    if (op === "t") return files.truncate(file, size);
    if (op === "z") return files.close(file);
    throw new RangeError(`the backend has no step ${JSON.stringify(op)}`);
  }

  #keyAt(index: number): StorageKey {
    return this.#life.modules.storage.storageKey(OBJECT_KEYS[index % OBJECT_KEYS.length] ?? OBJECT_KEYS[0]);
  }

  async #open(): Promise<void> {
    const calm = this.#life.isCalm();
    const disturbance = { faults: this.#life.faults, calm };
    try {
      const storage = await this.#backend(this.#process);
      await storage.appendable.lock(this.#life.modules.storage.storagePrefix(LOCKED));
      this.#storage = storage;
      this.#files = new GrowingFiles(storage, this.#life, calm);
    } catch (error) {
      expectedError(error, "opening", disturbance);
      this.#end();
      return;
    }
    this.#calm = calm;
    this.#written = new Set();
    await this.#look(this.#storage, true);
  }

  #look(storage: FsBackend, isFirst: boolean): Promise<void> {
    return lookAtAll(storage, this.#life, { faults: this.#life.faults, calm: this.#calm, isFirst, isQuiet: true });
  }

  /** As another process sees it, while this one may be writing. */
  async #lookElsewhere(): Promise<void> {
    const disturbance = { faults: this.#life.faults, calm: this.#life.isCalm() };
    const process = this.#life.disk.process();
    try {
      const storage = await this.#backend(process);
      await lookAtAll(storage, this.#life, { ...disturbance, isFirst: false, isQuiet: !this.#steps.hasLazy });
      await storage.close();
    } catch (error) {
      expectedError(error, "looking from elsewhere", disturbance);
    } finally {
      process.kill();
    }
  }

  async #put(storage: FsBackend, operation: "create" | "replace", key: StorageKey, size: number, pieces: number): Promise<void> {
    const object = this.#life.ledger.object(key);
    const value = this.#life.ledger.newValue();
    const bytes = valueBytes(value, size);
    const before = object.possible;
    const change = object.begin(value);
    try {
      const entry = await storage[operation](key, valueBody(bytes, pieces));
      if (entry.key !== key || entry.size !== bytes.length) throw new Violation("I3", `${operation} of ${bytes.length} bytes answers ${entry.size} of ${entry.key}`);
      if (operation === "create" && this.#life.ledger.isHonest) object.won(new Set([...before, ...object.possible]));
      object.done(change);
      this.#written.add(key.slice(0, key.lastIndexOf("/") + 1));
    } catch (error) {
      if (operation === "create" && hasCode(error, "STORAGE_ALREADY_EXISTS")) {
        object.withdraw(change);
        if (this.#life.ledger.isHonest) object.taken(before, this.#life.ledger.isFaultless);
        return;
      }
      this.#refused(this.#expected(error, operation), key, change);
    }
  }

  async #remove(storage: FsBackend, keys: readonly StorageKey[]): Promise<void> {
    const { ledger } = this.#life;
    const changes = [...new Set(keys)].map((key) => ({ key, change: ledger.object(key).begin(undefined) }));
    try {
      await storage.remove(keys);
      for (const { key, change } of changes) ledger.object(key).done(change);
    } catch (error) {
      const known = this.#expected(error, "remove");
      const failed: readonly unknown[] = "failedKeys" in known && Array.isArray(known.failedKeys) ? known.failedKeys : keys;
      for (const { key, change } of changes) {
        if (failed.includes(key)) ledger.object(key).unknown(change);
        else ledger.object(key).done(change);
      }
    }
  }

  #expected(error: unknown, what: string): HoldfastError {
    return expectedError(error, what, { faults: this.#life.faults, calm: this.#calm });
  }

  #refused({ outcome }: HoldfastError, key: StorageKey, change: Change): void {
    const object = this.#life.ledger.object(key);
    if (outcome === "not_applied") object.withdraw(change);
    else object.unknown(change);
  }

  /** Another process tries to take the lock. */
  async #usurp(): Promise<void> {
    const disturbance = { faults: this.#life.faults, calm: this.#life.isCalm() };
    const process = this.#life.disk.process();
    try {
      const storage = await this.#backend(process);
      await storage.appendable.lock(this.#life.modules.storage.storagePrefix(LOCKED));
    } catch (error) {
      process.kill();
      if (!hasCode(error, "STORAGE_LOCKED")) expectedError(error, "a second lock", disturbance);
      return;
    }
    throw new Violation("I12", "a second process holds the lock");
  }

  async #close(storage: FsBackend): Promise<void> {
    try {
      await storage.close();
    } catch (error) {
      this.#expected(error, "close");
    }
    this.#end();
  }

  #backend(process: SimProcess): Promise<FsBackend> {
    const { modules, clock } = this.#life;
    return modules.storageFs.fsBackend({ root: this.#root, port: process.port, clock, random: this.#life.random() });
  }

  /** The process ends, and whatever it did not close is closed. */
  #end(): void {
    this.#process.kill();
    this.#process = this.#life.disk.process();
    this.#storage = undefined;
    this.#files = undefined;
    this.#calm = false;
  }

  /** What died writers left behind is gone where something was written since. */
  #checkLeftovers(): void {
    for (const path of this.#life.disk.files().keys()) {
      const at = path.lastIndexOf("/") + 1;
      const directory = path.slice(this.#root.length + 1, at);
      if (path.startsWith(".tmp-", at) && this.#written.has(directory)) throw new Violation("I17", `${path} is left, though something was written beside it`);
    }
  }
}
