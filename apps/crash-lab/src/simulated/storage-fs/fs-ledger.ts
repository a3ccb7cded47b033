import type { Ledger } from "../ledger.js";
import { FileLedger } from "./file-ledger.js";
import { ObjectLedger } from "./object-ledger.js";

/** What a {@link FsLedger} is about. */
export interface FsLedgerOptions {
  readonly objects: readonly string[];
  readonly files: readonly string[];
  readonly isFaultless: boolean;
  readonly isHonest: boolean;
}

/** What the users of one backend were promised. */
export class FsLedger implements Ledger<FsLedger> {
  /** No flush fails, so that what was seen by a new handle, which flushes first, lasts; and a killed process loses nothing that was written. */
  readonly isFaultless: boolean;
  /** Flushes that were answered with ok have flushed: what was acknowledged is there. */
  readonly isHonest: boolean;
  readonly #objects: ReadonlyMap<string, ObjectLedger>;
  readonly #files: ReadonlyMap<string, FileLedger>;
  #values: number;

  constructor({ objects, files, isFaultless, isHonest }: FsLedgerOptions, from?: FsLedger) {
    this.isFaultless = isFaultless;
    this.isHonest = isHonest;
    this.#objects = new Map(objects.map((key) => [key, new ObjectLedger(key, from?.object(key))]));
    this.#files = new Map(files.map((key) => [key, new FileLedger(key, from?.file(key))]));
    this.#values = from === undefined ? 0 : from.#values;
  }

  afterCrash(kind: "power" | "process"): FsLedger {
    const { isFaultless, isHonest } = this;
    const copy = new FsLedger({ objects: [...this.#objects.keys()], files: [...this.#files.keys()], isFaultless, isHonest }, this);
    if (kind === "power" || !this.isFaultless) for (const file of copy.#files.values()) file.forgetUnsynced();
    return copy;
  }

  object(key: string): ObjectLedger {
    return known(this.#objects.get(key), key);
  }

  file(key: string): FileLedger {
    return known(this.#files.get(key), key);
  }

  /** A number for a value that no other object of this history has, from 1. */
  newValue(): number {
    this.#values += 1;
    return this.#values;
  }
}

function known<T>(ledger: T | undefined, key: string): T {
  if (ledger === undefined) throw new RangeError(`no key of this history: ${key}`);
  return ledger;
}
