import { decimal20, parseDecimal20 } from "@holdfast/bytes";
import { hasCode, isHoldfastError, joinKey, joinPrefix, type CallOptions, type StorageBackend, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { decodeRegisterEntry, encodeRegisterEntry, type RegisteredGeneration } from "./format/register-entry.js";

export type { RegisteredGeneration } from "./format/register-entry.js";

/**
 * In which order the generations of a replica were begun: numbered entries, created and never removed or replaced. So the order hangs
 * on no clock, and of several who begin a generation at the same time one comes first for all of them.
 */
export interface GenerationRegister {
  /** The numbers of the entries, ascending. */
  numbers(options?: CallOptions): Promise<readonly bigint[]>;
  /** An entry; `undefined` if there is none of this number. @throws REPLICA_CORRUPT, REPLICA_UNSUPPORTED_VERSION, with its key. */
  read(number: bigint, options?: CallOptions): Promise<RegisteredGeneration | undefined>;
  /** Creates an entry, unless there is one of this number. @returns The one that is there, durable. @throws As `read`. What the storage says. */
  add(entry: RegisteredGeneration, options?: CallOptions): Promise<RegisteredGeneration>;
}

/** The register of the replica below a prefix: `register/<20 digits>.generation`. */
export function generationRegister(storage: StorageBackend, prefix: StoragePrefix): GenerationRegister {
  return new StorageRegister(storage, joinPrefix(prefix, "register/"));
}

class StorageRegister implements GenerationRegister {
  readonly #storage: StorageBackend;
  readonly #directory: StoragePrefix;

  constructor(storage: StorageBackend, directory: StoragePrefix) {
    this.#storage = storage;
    this.#directory = directory;
  }

  async numbers({ signal }: CallOptions = {}): Promise<readonly bigint[]> {
    const numbers: bigint[] = [];
    for await (const { key } of this.#storage.list(this.#directory, { signal })) {
      const number = parseDecimal20(/^([0-9]{20})\.generation$/.exec(key.slice(this.#directory.length))?.[1] ?? "");
      if (number !== undefined && number > 0n) numbers.push(number);
    }
    return numbers;
  }

  async read(number: bigint, options?: CallOptions): Promise<RegisteredGeneration | undefined> {
    const key = this.#key(number);
    const bytes = await this.#storage.read(key, options);
    if (bytes === undefined) return undefined;
    const entry = decodeRegisterEntry(bytes);
    if (entry !== undefined && "unsupportedVersion" in entry) {
      throw new ReplicaError("REPLICA_UNSUPPORTED_VERSION", `${key} has version ${entry.unsupportedVersion} of the format; this is for version 1`, { operation: "read", key });
    }
    if (entry?.number === number) return entry;
    throw new ReplicaError("REPLICA_CORRUPT", `${key} is damaged: it is not known which generation was begun then; name the one that is meant`, { operation: "read", key, offset: 0 });
  }

  async add(entry: RegisteredGeneration, options?: CallOptions): Promise<RegisteredGeneration> {
    for (let left = ATTEMPTS; ; left -= 1) {
      try {
        await this.#storage.create(this.#key(entry.number), encodeRegisterEntry(entry), options);
        return entry;
      } catch (error) {
        const isThere = hasCode(error, "STORAGE_ALREADY_EXISTS");
        // Also after an answer that was lost: then it is our own, perhaps.
        const found = isThere ? await this.read(entry.number, options) : undefined;
        if (found !== undefined) return found;
        if (left === 1 || !(isThere || (isHoldfastError(error) && error.outcome === "unknown"))) throw error;
      }
    }
  }

  #key(number: bigint): StorageKey {
    return joinKey(this.#directory, `${decimal20(number)}.generation`);
  }
}

/** How often an entry is created while nobody knows what became of it. */
const ATTEMPTS = 4;
