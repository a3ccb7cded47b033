import { hasCode, type AppendFile } from "@holdfast/storage";
import type { FsBackend } from "@holdfast/storage-fs";
import type { Life } from "../life.js";
import { Violation } from "../violation.js";
import type { FileLedger } from "./file-ledger.js";
import { expectedError } from "./fs-errors.js";
import type { FsLedger } from "./fs-ledger.js";
import type { GrowingFile } from "./fs-place.js";

/** The files that one backend appends to. The calls on each file are made one after the other, as one that appends would. */
export class GrowingFiles {
  readonly #storage: FsBackend;
  readonly #life: Life<FsLedger>;
  readonly #calm: boolean;
  readonly #open = new Map<GrowingFile, OpenFile>();
  readonly #turns = new Map<GrowingFile, Promise<void>>();

  constructor(storage: FsBackend, life: Life<FsLedger>, calm: boolean) {
    this.#storage = storage;
    this.#life = life;
    this.#calm = calm;
  }

  /** @param gap - Bytes that are left out before it, and read as zeros. */
  append(file: GrowingFile, size: number, gap: number): Promise<void> {
    return this.#inTurn(file, async () => {
      const open = await this.#opened(file);
      if (open === undefined || size === 0) return;
      const ledger = this.#life.ledger.file(file.key);
      const { isClean } = ledger;
      const end = open.handle.size;
      const bytes = Buffer.alloc(gap + size, 1 + (this.#life.ledger.newValue() % 255)).fill(0, 0, gap);
      ledger.begin();
      try {
        await open.handle.append(bytes.subarray(gap), gap === 0 ? {} : { at: end + gap });
        if (open.isPoisoned) throw new Violation("I9", `${file.key} takes an append after a write that failed`);
        if (open.handle.size !== end + bytes.length) throw new Violation("I3", `${file.key} ends at ${open.handle.size} after ${bytes.length} bytes at ${end}`);
        ledger.appended(end, bytes, file.sync === "each", isClean);
      } catch (error) {
        this.#refused(error, "append", open, ledger, isClean);
      }
    });
  }

  sync(file: GrowingFile): Promise<void> {
    return this.#inTurn(file, async () => {
      const open = this.#open.get(file);
      if (open === undefined) return;
      const ledger = this.#life.ledger.file(file.key);
      try {
        await open.handle.sync();
        if (open.isPoisoned) throw new Violation("I9", `${file.key} answers ok to a sync after a write that failed`);
        ledger.synced();
      } catch (error) {
        this.#refused(error, "sync", open, ledger, false);
      }
    });
  }

  truncate(file: GrowingFile, size: number): Promise<void> {
    return this.#inTurn(file, async () => {
      const open = this.#open.get(file);
      if (open === undefined) return;
      const ledger = this.#life.ledger.file(file.key);
      const to = Math.min(size, open.handle.size);
      const { isClean } = ledger;
      ledger.cutBegins(to);
      try {
        await open.handle.truncate(to);
        if (open.isPoisoned) throw new Violation("I9", `${file.key} is cut after a write that failed`);
        ledger.cut(to, isClean);
      } catch (error) {
        this.#refused(error, "truncate", open, ledger, false);
      }
    });
  }

  close(file: GrowingFile): Promise<void> {
    return this.#inTurn(file, async () => {
      const open = this.#open.get(file);
      if (open === undefined) return;
      this.#open.delete(file);
      try {
        await open.handle.close();
      } catch (error) {
        expectedError(error, "close", { faults: this.#life.faults, calm: this.#calm });
      }
    });
  }

  /** Opens it anew, or to go on behind what is there. */
  async #opened(file: GrowingFile): Promise<OpenFile | undefined> {
    const known = this.#open.get(file);
    if (known !== undefined) return known;
    const ledger = this.#life.ledger.file(file.key);
    const handle = (await this.#continued(file, ledger)) ?? (await this.#created(file, ledger));
    if (handle === undefined) return undefined;
    const open = { handle, isPoisoned: false };
    this.#open.set(file, open);
    return open;
  }

  async #continued({ key, sync }: GrowingFile, ledger: FileLedger): Promise<AppendFile | undefined> {
    const { storageKey } = this.#life.modules.storage;
    try {
      const handle = await this.#storage.appendable.open(storageKey(key), { mode: "continue", sync });
      const found = await this.#storage.read(storageKey(key));
      if (this.#life.ledger.isHonest) ledger.found(found);
      if (found?.length !== handle.size) throw new Violation("I3", `${key} was opened with ${handle.size} bytes, and has ${found?.length ?? "none"}`);
      // Where a flush has failed before, the cache may show what the disk will never hold.
      if (this.#life.ledger.isFaultless) ledger.adopted(found);
      else ledger.begin();
      return handle;
    } catch (error) {
      if (!hasCode(error, "STORAGE_NOT_FOUND")) expectedError(error, "open", { faults: this.#life.faults, calm: this.#calm });
      else if (ledger.exists === "yes" && this.#life.ledger.isHonest) throw new Violation("I1", `the file ${key} is gone`, { cause: error });
      return undefined;
    }
  }

  async #created({ key, sync, reserveBytes }: GrowingFile, ledger: FileLedger): Promise<AppendFile | undefined> {
    const before = ledger.exists;
    if (before === "no") ledger.exists = "maybe";
    try {
      const handle = await this.#storage.appendable.open(this.#life.modules.storage.storageKey(key), { mode: "create", sync, reserveBytes });
      ledger.exists = "yes";
      return handle;
    } catch (error) {
      if (hasCode(error, "STORAGE_ALREADY_EXISTS") && (before !== "no" || !this.#life.ledger.isHonest)) return undefined;
      const { outcome } = expectedError(error, "open", { faults: this.#life.faults, calm: this.#calm });
      if (outcome === "not_applied") ledger.exists = before;
      return undefined;
    }
  }

  #refused(error: unknown, what: string, open: OpenFile, ledger: FileLedger, wasClean: boolean): void {
    const { code, outcome } = expectedError(error, what, { faults: this.#life.faults, calm: this.#calm });
    if (outcome === "not_applied") {
      if (what === "append") ledger.withdrawn(wasClean);
    } else {
      open.isPoisoned = true;
    }
    if (code === "STORAGE_POISONED") open.isPoisoned = true;
  }

  #inTurn(file: GrowingFile, call: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(file) ?? Promise.resolve()).then(call);
    // Who waits for the turn hears of it.
    this.#turns.set(file, turn.catch(() => undefined));
    return turn;
  }
}

interface OpenFile {
  readonly handle: AppendFile;
  /** A write has failed. */
  isPoisoned: boolean;
}
