import { hasCode, memoryBackend, StorageError, storageKey, storagePrefix } from "@holdfast/storage";
import type {
  AppendableStorage,
  AppendFile,
  MemoryDisk,
  StorageBackend,
  StorageBody,
  StorageEntry,
  StorageKey,
  StorageLock,
  StoragePrefix,
} from "@holdfast/storage";

/** A backend that breaks one rule. */
export interface Canary {
  /** What is broken. */
  readonly broken: string;
  /** The case that must fail, `chapter: name`. Others may fail as well. */
  readonly caughtBy: string;
  /** Whether it shows in a call that is never answered. */
  readonly hangs: boolean;
  /** A handle on `disk`. */
  readonly open: (disk: MemoryDisk) => StorageBackend;
}

/** The calls that are broken. `disk` is the same for all handles on the same contents. */
type Change = (inner: StorageBackend, disk: MemoryDisk) => Partial<StorageBackend>;

export const canary = (broken: string, caughtBy: string, change: Change, hangs = false): Canary => ({
  broken,
  caughtBy,
  hangs,
  open(disk) {
    const inner = memoryBackend({ disk });
    return over(inner, change(inner, disk));
  },
});

type FileChange = (inner: AppendFile) => Partial<AppendFile>;

/** A canary whose append files are broken. */
export const fileCanary = (broken: string, caughtBy: string, change: FileChange): Canary =>
  canary(broken, caughtBy, (inner) => ({
    appendable: {
      ...appendableOf(inner),
      open: async (key, options) => overFile(await appendableOf(inner).open(key, options), change),
    },
  }));

/** A canary whose `appendable` is broken. */
export const appendableCanary = (broken: string, caughtBy: string, change: (inner: AppendableStorage) => Partial<AppendableStorage>): Canary =>
  canary(broken, caughtBy, (inner) => ({ appendable: { ...appendableOf(inner), ...change(appendableOf(inner)) } }));

/** Every one of them must be caught. */
export const canaries: readonly Canary[] = [
  // read, stat
  canary("an empty object reads as absent", "read: an empty object is an empty array, not absent", (inner) => ({
    async read(key, options) {
      const content = await inner.read(key, options);
      return content?.length === 0 ? undefined : content;
    },
  })),
  canary("reading an absent object throws", "read: an absent object is undefined, not an error", (inner) => ({
    async read(key, options) {
      const content = await inner.read(key, options);
      if (content === undefined) throw new StorageError("STORAGE_NOT_FOUND", "none", { operation: "read", key });
      return content;
    },
  })),
  canary("a range past the end throws", "read: a range past the end gives the bytes that are there", (inner) => ({
    async read(key, options) {
      const size = (await inner.stat(key))?.size ?? 0;
      if (options?.range !== undefined && options.range.offset + options.range.length > size) {
        throw new StorageError("STORAGE_INVALID_ARGUMENT", "past the end", { operation: "read", key });
      }
      return inner.read(key, options);
    },
  })),
  canary("a range ends one byte early", "read: any range equals the slice of the content", (inner) => ({
    read(key, options) {
      const range = options?.range;
      return inner.read(key, range === undefined ? options : { ...options, range: { ...range, length: Math.max(0, range.length - 1) } });
    },
  })),
  canary("stat forgets the size", "read: what a write answers, stat and list agree on key and size", (inner) => ({
    async stat(key, options) {
      const entry = await inner.stat(key, options);
      return entry === undefined ? undefined : { ...entry, size: 0 };
    },
  })),
  canary("ranges are not checked", "hostile: a range that is no range is STORAGE_INVALID_ARGUMENT", (inner) => ({
    async read(key, options) {
      const content = await inner.read(key);
      return options?.range === undefined ? content : content?.slice(options.range.offset, options.range.offset + options.range.length);
    },
  })),

  // stream
  canary("a stream mixes versions", "stream: a stream goes on with its version when the object is replaced", (inner) => ({
    async stream(key, options) {
      if (options?.range !== undefined) return inner.stream(key, options);
      const size = (await inner.stat(key))?.size;
      return size === undefined ? undefined : pieceByPiece(inner, key, size);
    },
  })),
  canary("an absent object has an empty stream", "stream: an absent object has no stream", (inner) => ({
    stream: async (key, options) => (await inner.stream(key, options)) ?? inTurn([]),
  })),
  canary("create looks, waits for its body and then writes", "create: a slow create and a fast one of the same key: one wins, and the object is the winner's", (inner) => ({
    async create(key, body, options) {
      if ((await inner.stat(key)) !== undefined) throw alreadyExists(key);
      return inner.replace(key, body, options);
    },
  })),
  canary("a stream is one piece", "stream: a big object comes in pieces of at most 1 MiB", (inner) => ({
    async stream(key, options) {
      const content = await inner.read(key, options);
      return content === undefined ? undefined : inTurn([content]);
    },
  })),
  canary("a stream gives the same array again and again", "buffers: pieces of a stream may be kept while it goes on", (inner) => ({
    async stream(key, options) {
      const content = await inner.stream(key, options);
      return content === undefined ? undefined : intoOneArray(content);
    },
  })),
  canary("an open stream keeps close waiting", "stream: streams that were left early, or never started, hold nothing up", (inner) => {
    let open = 0;
    return {
      async stream(key, options) {
        const content = await inner.stream(key, options);
        if (content !== undefined) open += 1;
        return content;
      },
      close: () => (open > 0 ? new Promise(() => undefined) : inner.close()),
    };
  }, true),

  // create
  canary("create replaces", "create: a second create rejects STORAGE_ALREADY_EXISTS and leaves the first object as it was", (inner) => ({
    create: (key, body, options) => inner.replace(key, body, options),
  })),
  canary("create looks and then writes", "race: of many creates of one key exactly one wins, and every handle reads the winner's body", (inner) => ({
    async create(key, body, options) {
      if ((await inner.stat(key)) !== undefined) throw alreadyExists(key);
      return inner.replace(key, body, options);
    },
  })),
  canary("create looks and then writes, and workers count", "race: workers on several handles: no number is won twice, and none is missing", (inner) => ({
    async create(key, body, options) {
      if ((await inner.stat(key)) !== undefined) throw alreadyExists(key);
      return inner.replace(key, body, options);
    },
  })),
  canary("create returns before it has written", "create: create puts an object and answers its entry", (inner) => ({
    async create(key, body) {
      void Promise.resolve().then(async () => {
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
        await inner.create(key, body);
      }).catch(() => undefined);
      return { key, size: (await whole(body)).length, modifiedAt: 0 };
    },
  })),
  canary("a body that throws leaves its beginning", "create: a body that throws leaves nothing, and its key is free", (inner) => ({
    create: (key, body, options) => inner.create(key, body instanceof Uint8Array ? body : { ...body, open: () => endingAtErrors(body) }, options),
  })),
  canary("the stated length is ignored", "create: a body of another length than stated fails not_applied, leaves nothing, and its key is free", (inner) => ({
    create: (key, body, options) => inner.create(key, body instanceof Uint8Array ? body : { open: () => body.open() }, options),
  })),
  canary("an object is seen while its body arrives", "create: nobody sees an object before it is whole", (inner) => ({
    async create(key, body, options) {
      if (body instanceof Uint8Array) return inner.create(key, body, options);
      await inner.create(key, new Uint8Array(0), options);
      return inner.replace(key, body, options);
    },
  })),
  canary("a name is taken before its object is there", "race: STORAGE_ALREADY_EXISTS means that the object is there at once, by every way of looking", (inner) => ({
    async create(key, body, options) {
      const reservation = storageKey(`reserved/${key}`);
      await inner.create(reservation, new Uint8Array(0));
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      return inner.replace(key, body, options);
    },
  })),
  canary("the error of a lost create has another code", "create: a second create rejects STORAGE_ALREADY_EXISTS and leaves the first object as it was", (inner) => ({
    async create(key, body, options) {
      try {
        return await inner.create(key, body, options);
      } catch (cause) {
        throw hasCode(cause, "STORAGE_ALREADY_EXISTS") ? new Error("EEXIST") : cause;
      }
    },
  })),
  canary("a removed name stays taken", "create: a key that was removed is free again", (inner) => {
    const removed = new Set<string>();
    return {
      async remove(keys, options) {
        await inner.remove(keys, options);
        for (const key of keys) removed.add(key);
      },
      create(key, body, options) {
        return removed.has(key) ? Promise.reject(alreadyExists(key)) : inner.create(key, body, options);
      },
    };
  }),

  // replace
  canary("replace leaves the end of a longer object", "replace: replace puts an object whatever was there, and nothing of that remains", (inner) => ({
    async replace(key, body, options) {
      const bytes = await whole(body);
      const before = (await inner.read(key)) ?? new Uint8Array(0);
      await inner.replace(key, Uint8Array.from([...bytes, ...before.subarray(bytes.length)]), options);
      return { key, size: bytes.length, modifiedAt: 0 };
    },
  })),
  canary("replace removes and then creates", "replace: readers see one version whole, never a mixture and never nothing", (inner) => ({
    async replace(key, body, options) {
      await inner.remove([key]);
      return inner.create(key, body, options);
    },
  })),
  canary("a replace that fails has removed the object", "replace: a body that throws or has another length than stated leaves the object that was there", (inner) => ({
    async replace(key, body, options) {
      try {
        return await inner.replace(key, body, options);
      } catch (error) {
        await inner.remove([key]);
        throw error;
      }
    },
  })),

  // list
  canary("a prefix is the beginning of a name", "list: a prefix is a directory, not the beginning of a name", (inner) => ({
    list: (prefix, options) => filtered(inner.list(storagePrefix(""), options), (it) => it.key.startsWith(prefix.slice(0, -1))),
  })),
  canary("the list is in the order of creation", "list: keys come in ascending order of their bytes, directories as their name with a slash", (inner) => {
    const order: string[] = [];
    return {
      create(key, body, options) {
        order.push(key);
        return inner.create(key, body, options);
      },
      list: (prefix, options) => sorted(inner.list(prefix, options), (a, b) => order.indexOf(a) - order.indexOf(b)),
    };
  }),
  canary("directories sort as their name without the slash", "list: keys come in ascending order of their bytes, directories as their name with a slash", (inner) => ({
    list: (prefix, options) => sorted(inner.list(prefix, options), byPathSegments),
  })),
  canary("directories sort as their name without the slash, and a property looks", "list: any list equals the model", (inner) => ({
    list: (prefix, options) => sorted(inner.list(prefix, options), byPathSegments),
  })),
  canary("after is inclusive", "list: after is exclusive, need not exist, and may lie outside the prefix", (inner) => ({
    async *list(prefix, options) {
      const after = options?.after;
      const entry = after?.startsWith(prefix) === true ? await inner.stat(after) : undefined;
      if (entry !== undefined) yield entry;
      yield* inner.list(prefix, options);
    },
  })),
  canary("after must exist", "list: any list equals the model", (inner) => ({
    async *list(prefix, options) {
      const after = options?.after;
      const known = after !== undefined && (await inner.stat(after)) !== undefined;
      yield* inner.list(prefix, known ? options : { ...options, after: undefined });
    },
  })),
  canary("after is ignored", "list: pages by after and limit give every key once", (inner) => ({
    list: (prefix, options) => inner.list(prefix, { ...options, after: undefined }),
  })),
  canary("the limit is ignored", "list: limit bounds the number of entries", (inner) => ({
    list: (prefix, options) => inner.list(prefix, { ...options, limit: undefined }),
  })),
  canary("a limit of 0 is none", "hostile: a limit of 0 gives nothing", (inner) => ({
    list: (prefix, options) => inner.list(prefix, { ...options, limit: options?.limit === 0 ? undefined : options?.limit }),
  })),
  canary("the list ends after a page of a thousand", "list: more than a thousand keys are listed, paged and removed", (inner) => ({
    list: (prefix, options) => inner.list(prefix, { ...options, limit: Math.min(options?.limit ?? 1_000, 1_000) }),
  })),
  canary("the list is an old one", "list: what was written before the call is in the list, whoever wrote it", (inner) => {
    const old = new Map<string, StorageEntry[]>();
    return {
      async *list(prefix, options) {
        const known = old.get(prefix);
        const entries: StorageEntry[] = [];
        for await (const entry of inner.list(prefix, options)) entries.push(entry);
        old.set(prefix, entries);
        yield* known ?? entries;
      },
    };
  }),
  canary("a key that is removed while listing ends the list", "list: keys removed while listing do not break it, and the others all come", (inner) => ({
    async *list(prefix, options) {
      const keys: StorageKey[] = [];
      for await (const entry of inner.list(prefix, options)) keys.push(entry.key);
      for (const key of keys) {
        const entry = await inner.stat(key);
        if (entry === undefined) throw new StorageError("STORAGE_READ_FAILED", "gone", { operation: "list", key });
        yield entry;
      }
    },
  })),
  canary("pages by number skip when keys go", "list: keys removed while listing do not break it, and the others all come", (inner) => ({
    async *list(prefix, options) {
      for (let page = 0; ; page += 1) {
        const all: StorageEntry[] = [];
        for await (const entry of inner.list(prefix, options)) all.push(entry);
        const entries = all.slice(page * 10, page * 10 + 10);
        if (entries.length === 0) return;
        yield* entries;
      }
    },
  })),

  // remove
  canary("removing an absent object throws", "remove: removing an absent object succeeds", (inner) => ({
    async remove(keys, options) {
      for (const key of keys) {
        if ((await inner.stat(key)) === undefined) throw new StorageError("STORAGE_REMOVE_FAILED", "none", { operation: "remove", key, failedKeys: [key] });
      }
      await inner.remove(keys, options);
    },
  })),
  canary("remove takes everything that begins so", "remove: only the named objects go", (inner) => ({
    async remove(keys, options) {
      const all: StorageKey[] = [];
      for await (const entry of inner.list(storagePrefix(""))) all.push(entry.key);
      await inner.remove(all.filter((it) => keys.some((key) => it.startsWith(key))), options);
    },
  })),
  canary("remove takes the first thousand", "list: more than a thousand keys are listed, paged and removed", (inner) => ({
    remove: (keys, options) => inner.remove(keys.slice(0, 1_000), options),
  })),

  // keys
  canary("a dot in a name is lost", "keys: every valid name is an object of its own, and comes back as it was written", (inner) => {
    const flat = (key: StorageKey): StorageKey => storageKey(key.replace(/\.y\.z$/, ""));
    return { create: (key, body, options) => inner.create(flat(key), body, options) };
  }),

  // buffers
  canary("the array that was passed in is kept", "buffers: what was passed in may be changed as soon as the call has settled", (inner) => {
    const kept = new Map<string, Uint8Array>();
    return {
      async create(key, body, options) {
        const entry = await inner.create(key, body, options);
        if (body instanceof Uint8Array) kept.set(key, body);
        return entry;
      },
      async read(key, options) {
        const content = await inner.read(key, options);
        return content === undefined || options?.range !== undefined ? content : (kept.get(key)?.slice() ?? content);
      },
    };
  }),
  canary("every read returns the same array", "buffers: what read returned belongs to the caller", (inner) => {
    const cache = new Map<string, Uint8Array>();
    return {
      async read(key, options) {
        if (options?.range !== undefined) return inner.read(key, options);
        const content = cache.get(key) ?? (await inner.read(key, options));
        if (content !== undefined) cache.set(key, content);
        return content;
      },
    };
  }),
  canary("the whole buffer behind a view is written", "buffers: views into larger buffers are written from their offset and to their length", (inner) => ({
    create: (key, body, options) => inner.create(key, body instanceof Uint8Array ? new Uint8Array(body.buffer) : body, options),
  })),
  canary("the array that was passed in is wiped", "buffers: what was passed in is not changed", (inner) => ({
    async replace(key, body, options) {
      const entry = await inner.replace(key, body, options);
      if (body instanceof Uint8Array) body.fill(0);
      return entry;
    },
  })),

  // close
  canary("a closed backend still answers", "close: calls after close reject STORAGE_CLOSED and do nothing", () => ({
    close: () => Promise.resolve(),
  })),
  canary("closing twice rejects", "close: closing twice, also at the same time, resolves", (inner) => {
    let closed = false;
    return {
      close() {
        if (closed) return Promise.reject(new StorageError("STORAGE_CLOSED", "closed", { operation: "close" }));
        closed = true;
        return inner.close();
      },
    };
  }),
  canary("close does not wait", "close: close waits for what is in flight", (inner) => ({
    async create(key, body, options) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return inner.create(key, body, options);
    },
  })),
  canary("close empties the disk", "close: what was written outlives its handle, and other handles outlive it", (inner) => ({
    async close() {
      const keys: StorageKey[] = [];
      try {
        for await (const entry of inner.list(storagePrefix(""))) keys.push(entry.key);
        await inner.remove(keys);
      } catch (error) {
        if (!hasCode(error, "STORAGE_CLOSED")) throw error;
      }
      await inner.close();
    },
  })),

  // hostile
  canary("signals are ignored", "hostile: a signal that was aborted before the call rejects it with signal.reason, and nothing happens", (inner) => ({
    create: (key, body) => inner.create(key, body),
  })),
  canary("a signal is looked at only before the call", "hostile: a create that is aborted while it waits for its body rejects with signal.reason and leaves nothing", (inner) => ({
    create(key, body, options) {
      options?.signal?.throwIfAborted();
      return inner.create(key, body);
    },
  }), true),
  canary("an aborted call rejects with another error", "hostile: a signal that was aborted before the call rejects it with signal.reason, and nothing happens", (inner) => ({
    read: (key, options) => (options?.signal?.aborted === true ? Promise.reject(new Error("aborted")) : inner.read(key, options)),
  })),
  canary("every call listens to its signal by itself", "hostile: a thousand calls may share one signal: to Node it is no leak, and nothing listens to it afterwards", (inner) => ({
    async read(key, options) {
      const stop = (): void => undefined;
      options?.signal?.addEventListener("abort", stop);
      const content = await inner.read(key, options);
      options?.signal?.removeEventListener("abort", stop);
      return content;
    },
  })),
  canary("a listener stays behind on the signal", "hostile: a thousand calls may share one signal: to Node it is no leak, and nothing listens to it afterwards", (inner) => {
    let listens = false;
    return {
      remove(keys, options) {
        if (!listens) options?.signal?.addEventListener("abort", () => undefined);
        listens = true;
        return inner.remove(keys, options);
      },
    };
  }),
  canary("an aborted write leaves its beginning", "hostile: a create that is aborted while it waits for its body rejects with signal.reason and leaves nothing", (inner) => ({
    async create(key, body, options) {
      try {
        return await inner.create(key, body, options);
      } catch (error) {
        if (options?.signal?.aborted === true && !(body instanceof Uint8Array)) await inner.create(key, new Uint8Array(10));
        throw error;
      }
    },
  })),
  canary("the signal of a stream is forgotten once it flows", "hostile: a stream that is aborted rejects its next piece with signal.reason", (inner) => ({
    stream(key, options) {
      return inner.stream(key, { range: options?.range });
    },
  })),
  canary("the signal of a list is forgotten once it flows", "hostile: a list that is aborted rejects its next entry with signal.reason", (inner) => ({
    list: (prefix, options) => inner.list(prefix, { ...options, signal: undefined }),
  })),

  // append
  fileCanary("a gap is not zero", "append: an append at a position behind the end leaves a gap of zeros", (inner) => ({
    async append(bytes, options) {
      const gap = (options?.at ?? inner.size) - inner.size;
      if (gap > 0) await inner.append(new Uint8Array(gap).fill(0xff));
      await inner.append(bytes);
    },
  })),
  fileCanary("the position is ignored", "append: an append at a position behind the end leaves a gap of zeros", (inner) => ({
    append: (bytes) => inner.append(bytes),
  })),
  fileCanary("appends overtake each other", "append: appends that are not awaited are written in the order of the calls", (inner) => ({
    async append(bytes, options) {
      for (let turn = bytes.length % 7; turn > 0; turn -= 1) await Promise.resolve();
      await inner.append(bytes, options);
    },
  })),
  fileCanary("an append before the end goes to the end", "append: an append at a position before the end, or at none, is STORAGE_INVALID_ARGUMENT and harms nothing", (inner) => ({
    append: (bytes, options) => inner.append(bytes, { at: Math.max(inner.size, options?.at ?? 0) }),
  })),
  fileCanary("appends are seen only after close", "append: what was appended is seen at once by every handle and by every way of reading", (inner) => {
    const pending: Uint8Array[] = [];
    return {
      append(bytes) {
        pending.push(bytes.slice());
        return Promise.resolve();
      },
      async close() {
        for (const bytes of pending.splice(0)) await inner.append(bytes);
        await inner.close();
      },
    };
  }),
  fileCanary("what was appended may not be changed", "buffers: what was appended may be changed as soon as the append has settled", (inner) => {
    const pending: Uint8Array[] = [];
    return {
      append(bytes) {
        pending.push(bytes);
        return Promise.resolve();
      },
      async close() {
        for (const bytes of pending.splice(0)) await inner.append(bytes);
        await inner.close();
      },
    };
  }),
  fileCanary("truncate is forgotten", "append: truncate cuts the object, and appends go on there", () => ({
    truncate: () => Promise.resolve(),
  })),
  fileCanary("a closed file still answers", "append: a closed file rejects STORAGE_CLOSED, keeps key and size, and closes again", () => ({
    close: () => Promise.resolve(),
  })),
  fileCanary("close leaves the prepared space", "append: reserved space reads as zeros behind the size, and close cuts it off", (inner) => ({
    async close() {
      await inner.append(new Uint8Array(1), { at: inner.size + 1_000 });
      await inner.close();
    },
  })),
  fileCanary("size counts the prepared space", "append: reserved space reads as zeros behind the size, and close cuts it off", (inner) => ({
    get size() {
      return inner.size + 4_096;
    },
  })),
  appendableCanary("opening to create empties what is there", "append: create rejects STORAGE_ALREADY_EXISTS where an object is, however it came there", (inner) => ({
    async open(key, options) {
      try {
        return await inner.open(key, options);
      } catch (error) {
        if (!hasCode(error, "STORAGE_ALREADY_EXISTS")) throw error;
        const file = await inner.open(key, { mode: "continue" });
        await file.truncate(0);
        return file;
      }
    },
  })),
  appendableCanary("continue makes what is not there", "append: continue rejects STORAGE_NOT_FOUND where no object is, and makes none", (inner) => ({
    async open(key, options) {
      try {
        return await inner.open(key, options);
      } catch (error) {
        if (!hasCode(error, "STORAGE_NOT_FOUND")) throw error;
        return inner.open(key, { mode: "create" });
      }
    },
  })),
  appendableCanary("continue begins at 0", "append: continue finds the size and goes on behind it", (inner) => ({
    async open(key, options) {
      const file = await inner.open(key, options);
      if (options.mode === "continue") await file.truncate(0);
      return file;
    },
  })),
  appendableCanary("reservations are not checked", "append: a reservation that is no number of bytes is STORAGE_INVALID_ARGUMENT and makes nothing", (inner) => ({
    open: (key, options) => inner.open(key, options.mode === "create" ? { ...options, reserveBytes: 0 } : options),
  })),

  // lock
  appendableCanary("a lock is always given", "lock: a held lock is refused to another handle, and the error names the lock file", () => ({
    lock: (prefix) => Promise.resolve(freeLock(prefix)),
  })),
  appendableCanary("a lock is always given, and contestants count", "lock: what is counted under the lock is counted exactly, by several handles", () => ({
    lock: (prefix) => Promise.resolve(freeLock(prefix)),
  })),
  appendableCanary("a handle may take its lock twice", "lock: a held lock is refused to the handle that holds it", (inner) => {
    const mine = new Map<string, StorageLock>();
    return {
      async lock(prefix) {
        const lock = mine.get(prefix) ?? (await inner.lock(prefix));
        mine.set(prefix, lock);
        return lock;
      },
    };
  }),
  appendableCanary("a lock is never free again", "lock: a lock is free again after its release", (inner) => ({
    lock: async (prefix, options) => ({ ...freeLock(prefix), name: (await inner.lock(prefix, options)).name }),
  })),
  appendableCanary("releasing twice takes the next holder's lock", "lock: releasing twice resolves, and does not take the lock from its next holder", (inner) => {
    const current = new Map<string, StorageLock>();
    return {
      async lock(prefix, options) {
        const lock = await inner.lock(prefix, options);
        current.set(prefix, lock);
        const release = async (): Promise<void> => current.get(prefix)?.release();
        return { name: lock.name, release, [Symbol.asyncDispose]: release };
      },
    };
  }),
  appendableCanary("one lock for all prefixes", "lock: locks of different prefixes do not hinder each other, nested ones and the root included", (inner) => ({
    lock: (_prefix, options) => inner.lock(storagePrefix(""), options),
  })),
  canary("the lock is an object that can be listed", "lock: a lock is no object: it is not listed, and hinders no reading or writing", (inner) => ({
    appendable: {
      ...appendableOf(inner),
      async lock(prefix, options) {
        const lock = await appendableOf(inner).lock(prefix, options);
        await inner.replace(storageKey(`${prefix}x.lock`), new Uint8Array(0));
        return lock;
      },
    },
  })),
  canary("removing in a directory frees its lock", "lock: a lock survives the removal of everything around it", (inner, disk) => ({
    async remove(keys, options) {
      await inner.remove(keys, options);
      for (const lock of locksOn(disk)) await lock.release();
    },
    appendable: {
      ...appendableOf(inner),
      async lock(prefix, options) {
        const lock = await appendableOf(inner).lock(prefix, options);
        locksOn(disk).push(lock);
        return lock;
      },
    },
  })),
  canary("replacing frees the lock", "lock: while its holder rotates, replaces and removes, no other handle gets the lock", (inner, disk) => ({
    async replace(key, body, options) {
      for (const lock of locksOn(disk).splice(0)) await lock.release();
      return inner.replace(key, body, options);
    },
    appendable: {
      ...appendableOf(inner),
      async lock(prefix, options) {
        const lock = await appendableOf(inner).lock(prefix, options);
        locksOn(disk).push(lock);
        return lock;
      },
    },
  })),
  canary("closing a handle that was refused frees the lock", "lock: closing a handle that was refused does not take the lock from its holder", (inner, disk) => ({
    async close() {
      for (const lock of locksOn(disk).splice(0)) await lock.release();
      await inner.close();
    },
    appendable: {
      ...appendableOf(inner),
      async lock(prefix, options) {
        const lock = await appendableOf(inner).lock(prefix, options);
        locksOn(disk).push(lock);
        return lock;
      },
    },
  })),
  appendableCanary("an aborted lock stays taken", "hostile: a lock that is aborted at any moment is held or free", (inner) => ({
    async lock(prefix, options) {
      const lock = await inner.lock(prefix);
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      options?.signal?.throwIfAborted();
      return lock;
    },
  })),
];

export function appendableOf(backend: StorageBackend): AppendableStorage {
  if (backend.appendable === undefined) throw new Error("no appendable");
  return backend.appendable;
}

/** `inner` with some of its calls changed; what is left alone goes to `inner`. */
function over(inner: StorageBackend, changes: Partial<StorageBackend>): StorageBackend {
  const outer: StorageBackend = {
    name: "canary",
    appendable: inner.appendable,
    read: (key, options) => inner.read(key, options),
    stream: (key, options) => inner.stream(key, options),
    stat: (key, options) => inner.stat(key, options),
    create: (key, body, options) => inner.create(key, body, options),
    replace: (key, body, options) => inner.replace(key, body, options),
    list: (prefix, options) => inner.list(prefix, options),
    remove: (keys, options) => inner.remove(keys, options),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => outer.close(),
    ...changes,
  };
  return outer;
}

function overFile(inner: AppendFile, change: FileChange): AppendFile {
  const outer: AppendFile = {
    key: inner.key,
    get size() {
      return inner.size;
    },
    append: (bytes, options) => inner.append(bytes, options),
    sync: () => inner.sync(),
    truncate: (size) => inner.truncate(size),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => outer.close(),
  };
  // Not a spread: `size` must stay a getter.
  return Object.defineProperties(outer, Object.getOwnPropertyDescriptors(change(inner)));
}

const locks = new WeakMap<MemoryDisk, StorageLock[]>();

/** The locks that all handles on `disk` have taken. */
function locksOn(disk: MemoryDisk): StorageLock[] {
  const known = locks.get(disk) ?? [];
  locks.set(disk, known);
  return known;
}

function freeLock(prefix: StoragePrefix): StorageLock {
  const release = (): Promise<void> => Promise.resolve();
  return { name: `${prefix}.lock`, release, [Symbol.asyncDispose]: release };
}

export function alreadyExists(key: StorageKey): StorageError {
  return new StorageError("STORAGE_ALREADY_EXISTS", "there is one", { operation: "create", key });
}

export async function whole(body: StorageBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.slice();
  const pieces: Uint8Array[] = [];
  for await (const piece of body.open()) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* endingAtErrors(body: Exclude<StorageBody, Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body.open();
  } catch {
    // The canary: the object ends where its source failed.
  }
}

async function* pieceByPiece(inner: StorageBackend, key: StorageKey, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < size; offset += 65_536) {
    const piece = await inner.read(key, { range: { offset, length: Math.min(65_536, size - offset) } });
    if (piece !== undefined) yield piece;
  }
}

export async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function* intoOneArray(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const array = new Uint8Array(1_048_576);
  for await (const piece of source) {
    array.set(piece);
    yield array.subarray(0, piece.length);
  }
}

async function* filtered(source: AsyncIterable<StorageEntry>, keep: (entry: StorageEntry) => boolean): AsyncGenerator<StorageEntry> {
  for await (const entry of source) if (keep(entry)) yield entry;
}

async function* sorted(source: AsyncIterable<StorageEntry>, compare: (a: string, b: string) => number): AsyncGenerator<StorageEntry> {
  const entries: StorageEntry[] = [];
  for await (const entry of source) entries.push(entry);
  yield* entries.sort((a, b) => compare(a.key, b.key));
}

/** As a walk through directories does that sorts each one by the names it finds. */
function byPathSegments(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")];
  const at = left.findIndex((segment, index) => segment !== right[index]);
  return at === -1 ? 0 : (left[at] ?? "") < (right[at] ?? "") ? -1 : 1;
}
