import { isHoldfastError, storageKey, storagePrefix, type StorageBackend } from "@holdfast/storage";

import { Violation } from "../simulated/violation.js";
import type { SceneCast } from "./directed-history.js";
import { ObjectLedger } from "./object-ledger.js";
import { Stage, type StageState } from "./stage.js";

/** What one process does with a backend. What it is answered goes into a ledger. A refusal is an answer. */
export interface ObjectLife {
  /** Each answers whether it was acknowledged. */
  create(key: string, value: string): Promise<boolean>;
  replace(key: string, value: string): Promise<boolean>;
  remove(key: string): Promise<boolean>;
  /** What it is given is promised. */
  read(key: string): Promise<void>;
  list(prefix: string): Promise<readonly string[]>;
}

/** A disk with one directory of objects on it. */
export class ObjectStage extends Stage<ObjectLedger, ObjectStage> {
  constructor(cast: SceneCast, from?: StageState<ObjectLedger>) {
    super(cast, from ?? new ObjectLedger());
  }

  /** Opens the directory in a new process. */
  async open(): Promise<ObjectLife> {
    const backend = await this.backend();
    const { ledger } = this;
    const put = (operation: "create" | "replace", key: string, value: string): Promise<boolean> => {
      ledger.offer(key, value);
      return answered(backend[operation](storageKey(key), Buffer.from(value)), ledger, key, value);
    };
    return {
      create: (key, value) => put("create", key, value),
      replace: (key, value) => put("replace", key, value),
      remove(key) {
        ledger.offer(key, undefined);
        return answered(backend.remove([storageKey(key)]), ledger, key, undefined);
      },
      async read(key) {
        try {
          ledger.read(key, await valueOf(backend, key));
        } catch (error) {
          if (!isHoldfastError(error)) throw error;
        }
      },
      list: (prefix) => listed(backend, prefix),
    };
  }

  /** Kills what runs, reads everything in a new process, loses power and reads it again. */
  override async check(): Promise<void> {
    this.kill();
    this.disk.heal();
    await this.#readAll();
    this.losePower();
    await this.#readAll();
  }

  protected override another(from: StageState<ObjectLedger>): ObjectStage {
    return new ObjectStage(this.cast, from);
  }

  async #readAll(): Promise<void> {
    const backend = await this.backend();
    for (const key of this.ledger.keys) this.ledger.read(key, await valueOf(backend, key));
    for (const key of await listed(backend, "")) {
      if (!this.ledger.keys.includes(key)) throw new Violation("I3", `${key} is listed, and nobody has made it`);
    }
  }
}

async function answered(call: Promise<unknown>, ledger: ObjectLedger, key: string, value: string | undefined): Promise<boolean> {
  try {
    await call;
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    if (error.outcome === "not_applied") ledger.withdraw(key, value);
    return false;
  }
  ledger.keep(key, value);
  return true;
}

async function valueOf(backend: StorageBackend, key: string): Promise<string | undefined> {
  const bytes = await backend.read(storageKey(key));
  return bytes && Buffer.from(bytes).toString();
}

async function listed(backend: StorageBackend, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.list(storagePrefix(prefix))) keys.push(key);
  return keys;
}
