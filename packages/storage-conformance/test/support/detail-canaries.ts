import { hasCode, StorageError, storageKey, storagePrefix } from "@holdfast/storage";
import type { StorageBody, StorageEntry, StorageKey } from "@holdfast/storage";
import { alreadyExists, appendableCanary, appendableOf, canary, fileCanary, inTurn, whole, type Canary } from "./canaries.js";

/** Backends that break a rule in a corner of it. Every one of them must be caught. */
export const detailCanaries: readonly Canary[] = [
  // keys
  canary("a directory and an object of one stem clash", "keys: an object and a directory of the same stem stand side by side", (inner) => ({
    async create(key, body, options) {
      const stem = `${key.slice(0, key.indexOf("."))}/`;
      for await (const entry of inner.list(storagePrefix(""))) if (entry.key.startsWith(stem)) throw alreadyExists(entry.key);
      return inner.create(key, body, options);
    },
  })),
  canary("names end at 255 bytes", "keys: a key may be 900 bytes long, or what a view below a prefix leaves of them", (inner) => ({
    create(key, body, options) {
      if (key.length > 255) return Promise.reject(new StorageError("STORAGE_INVALID_KEY", "too long", { operation: "create", key }));
      return inner.create(key, body, options);
    },
  })),
  canary("names are taken as they come", "hostile: a name that is no key is refused by every call, also where no compiler was asked", (inner) => ({
    async read(key, options) {
      try {
        return await inner.read(key, options);
      } catch (error) {
        if (hasCode(error, "STORAGE_INVALID_KEY")) return undefined;
        throw error;
      }
    },
  })),
  canary("remove begins before it has looked at all names", "hostile: a name that is no key is refused by every call, also where no compiler was asked", (inner) => ({
    async remove(keys, options) {
      for (const key of keys) await inner.remove([key], options);
    },
  })),

  // read
  canary("the array that is given is not used", "read: a range goes into the array that is given for it, and nowhere else in it", (inner) => ({
    read: (key, options) => inner.read(key, { ...options, into: undefined }),
  })),
  canary("an array that is too short is filled as far as it goes", "read: an array that is too short for the range, or has none, is refused", (inner) => ({
    async read(key, options) {
      const { into, ...rest } = options ?? {};
      const content = await inner.read(key, rest);
      if (content === undefined || into === undefined) return content;
      into.set(content.subarray(0, into.length));
      return into.subarray(0, content.length);
    },
  })),
  canary("a range of no bytes is nothing", "read: a range of no bytes is an empty array", (inner) => ({
    read: (key, options) => (options?.range?.length === 0 ? Promise.resolve(undefined) : inner.read(key, options)),
  })),
  canary("all reads go through one buffer", "read: many reads at the same time each get their own object", (inner) => {
    const buffer = new Uint8Array(2_000_000);
    return {
      async read(key, options) {
        const content = await inner.read(key, options);
        if (content === undefined) return undefined;
        buffer.set(content);
        await Promise.resolve();
        return buffer.slice(0, content.length);
      },
    };
  }),
  canary("a read takes the object in two halves", "replace: readers see one version whole, never a mixture and never nothing", (inner) => ({
    async read(key, options) {
      const size = (await inner.stat(key))?.size;
      if (size === undefined || options?.range !== undefined) return inner.read(key, options);
      const first = await inner.read(key, { range: { offset: 0, length: size >> 1 } });
      await new Promise((resolve) => setTimeout(resolve, 0));
      const second = await inner.read(key, { range: { offset: size >> 1, length: size } });
      return first === undefined || second === undefined ? undefined : Buffer.concat([first, second]);
    },
  })),

  // stream
  canary("a stream begins at its range and does not end there", "stream: any range equals the slice of the content", (inner) => ({
    stream: (key, options) => inner.stream(key, options?.range === undefined ? options : { ...options, range: { ...options.range, length: Number.MAX_SAFE_INTEGER } }),
  })),
  canary("a stream ends where its object was removed", "stream: a stream goes on when the object is removed", (inner) => ({
    async stream(key, options) {
      const pieces = await inner.stream(key, options);
      return pieces === undefined ? undefined : whileThere(pieces, async () => (await inner.stat(key)) !== undefined);
    },
  })),
  canary("a stream that is started late takes its beginning from before", "stream: a stream that is started late gives one version, the one before or the one after a replace", (inner) => ({
    async stream(key, options) {
      if (options?.range !== undefined) return inner.stream(key, options);
      const head = await inner.read(key, { range: { offset: 0, length: 1_000 } });
      return head === undefined ? undefined : headThen(head, () => inner.stream(key, { range: { offset: 1_000, length: Number.MAX_SAFE_INTEGER } }));
    },
  })),
  canary("a stream whose backend is closed ends as if it were whole", "stream: a stream that is open when the backend is closed ends whole or with STORAGE_CLOSED", (inner) => {
    let closed = false;
    return {
      async stream(key, options) {
        const pieces = await inner.stream(key, options);
        return pieces === undefined ? undefined : whileThere(pieces, () => Promise.resolve(!closed));
      },
      close() {
        closed = true;
        return inner.close();
      },
    };
  }),
  canary("a stream is empty the second time", "stream: a stream that is read a second time gives everything or fails, and is not silently empty", (inner) => ({
    async stream(key, options) {
      const pieces = await inner.stream(key, options);
      return pieces === undefined ? undefined : all(pieces);
    },
  })),

  // create
  canary("an empty object is nobody's", "create: an empty object is there as well: a second create rejects STORAGE_ALREADY_EXISTS", (inner) => ({
    async create(key, body, options) {
      if ((await inner.stat(key))?.size === 0) return inner.replace(key, body, options);
      return inner.create(key, body, options);
    },
  })),
  canary("the error of a lost create shows what was to be written", "create: the error names the operation and the key", (inner) => ({
    async create(key, body, options) {
      const bytes = await whole(body);
      try {
        return await inner.create(key, body, options);
      } catch (cause) {
        if (!hasCode(cause, "STORAGE_ALREADY_EXISTS")) throw cause;
        throw new StorageError("STORAGE_ALREADY_EXISTS", `cannot write ${Buffer.from(bytes).toString()}`, { operation: "create", key, outcome: "not_applied" });
      }
    },
  })),
  canary("the error of a lost create does not say what became of it", "create: the error names the operation and the key", (inner) => ({
    async create(key, body, options) {
      try {
        return await inner.create(key, body, options);
      } catch (cause) {
        throw hasCode(cause, "STORAGE_ALREADY_EXISTS") ? new StorageError("STORAGE_ALREADY_EXISTS", "there is one", { operation: "create", key }) : cause;
      }
    },
  })),
  canary("an empty piece ends a body", "create: a streamed body is written whole, with and without a stated length", (inner) => ({
    create: (key, body, options) => inner.create(key, body instanceof Uint8Array ? body : { open: () => untilEmpty(body.open()) }, options),
  })),
  canary("a streamed body of nothing makes nothing", "create: a streamed body of no bytes makes an empty object", (inner) => ({
    async create(key, body, options) {
      if ((await whole(body)).length === 0) return { key, size: 0, modifiedAt: 0 };
      return inner.create(key, body, options);
    },
  })),
  canary("a body is opened once and for all", "create: a body is opened by every call that writes it", (inner) => {
    const opened = new Map<StorageBody, AsyncIterable<Uint8Array>>();
    return {
      create(key, body, options) {
        if (body instanceof Uint8Array) return inner.create(key, body, options);
        const pieces = opened.get(body) ?? body.open();
        opened.set(body, pieces);
        return inner.create(key, { open: () => pieces }, options);
      },
    };
  }),

  // replace
  canary("replace needs something to replace", "replace: replace puts an object where there was none", (inner) => ({
    async replace(key, body, options) {
      if ((await inner.stat(key)) === undefined) throw new StorageError("STORAGE_NOT_FOUND", "none", { operation: "replace", key, outcome: "not_applied" });
      return inner.replace(key, body, options);
    },
  })),
  canary("replace empties the object before it has its body", "replace: the old object is there until the new one is whole", (inner) => ({
    async replace(key, body, options) {
      if (!(body instanceof Uint8Array)) await inner.replace(key, new Uint8Array(0), options);
      return inner.replace(key, body, options);
    },
  })),

  // list
  canary("the list does not know sizes", "list: entries carry key, size and time", (inner) => ({
    async *list(prefix, options) {
      for await (const entry of inner.list(prefix, options)) yield { ...entry, size: 0 };
    },
  })),
  canary("pages by number repeat when keys come", "list: keys created while listing leave it ascending, and nothing comes twice", (inner) => ({
    async *list(prefix, options) {
      for (let page = 0; ; page += 1) {
        const entries: StorageEntry[] = [];
        for await (const entry of inner.list(prefix, options)) entries.push(entry);
        const shown = entries.slice(page * 10, page * 10 + 10);
        if (shown.length === 0) return;
        yield* shown;
      }
    },
  })),

  // remove
  canary("remove ends at the first absent object", "remove: of several keys those that are there go, those that are absent do no harm, and a key may be named twice", (inner) => ({
    async remove(keys, options) {
      for (const key of keys) {
        if ((await inner.stat(key)) === undefined) return;
        await inner.remove([key], options);
      }
    },
  })),
  canary("removing no keys removes all", "remove: removing no keys succeeds and changes nothing", (inner) => ({
    async remove(keys, options) {
      const all: StorageKey[] = [];
      if (keys.length === 0) for await (const entry of inner.list(storagePrefix(""))) all.push(entry.key);
      await inner.remove(keys.length === 0 ? all : keys, options);
    },
  })),
  canary("an object is removed once", "remove: one object removed by many at the same time is removed", (inner) => {
    const going = new Set<string>();
    return {
      async remove(keys, options) {
        for (const key of keys) if (going.has(key)) throw new StorageError("STORAGE_REMOVE_FAILED", "it is going", { operation: "remove", key, failedKeys: [key] });
        for (const key of keys) going.add(key);
        await Promise.resolve();
        await inner.remove(keys, options);
        for (const key of keys) going.delete(key);
      },
    };
  }),

  // buffers
  canary("pieces of a body are kept", "buffers: pieces of a streamed body may be changed as soon as the call has settled", (inner) => {
    const kept = new Map<string, Uint8Array[]>();
    return {
      async create(key, body, options) {
        if (body instanceof Uint8Array) return inner.create(key, body, options);
        const pieces: Uint8Array[] = [];
        for await (const piece of body.open()) pieces.push(piece);
        kept.set(key, pieces);
        return inner.create(key, body, options);
      },
      async read(key, options) {
        const pieces = kept.get(key);
        return pieces === undefined ? inner.read(key, options) : Promise.resolve(new Uint8Array(Buffer.concat(pieces)));
      },
    };
  }),
  canary("a stream shows the memory of the object", "buffers: what stream returned belongs to the caller", (inner) => {
    const memory = new Map<string, Uint8Array>();
    return {
      async stream(key) {
        const content = memory.get(key) ?? (await inner.read(key));
        if (content === undefined) return undefined;
        memory.set(key, content);
        return inTurn([content]);
      },
    };
  }),
  canary("entries are shared", "buffers: entries belong to the caller", (inner) => {
    const known = new Map<string, StorageEntry>();
    return {
      async stat(key, options) {
        const entry = known.get(key) ?? (await inner.stat(key, options));
        if (entry !== undefined) known.set(key, entry);
        return entry;
      },
    };
  }),

  // hostile
  canary("a limit below nothing is none", "hostile: a limit that is no number of entries is STORAGE_INVALID_ARGUMENT", (inner) => ({
    list: (prefix, options) => inner.list(prefix, { ...options, limit: (options?.limit ?? 0) >= 0 ? options?.limit : undefined }),
  })),
  canary("a stated length is believed before there is a body", "hostile: a stated length that no body can have fails not_applied and allocates nothing", (inner) => ({
    create(key, body, options) {
      if (!(body instanceof Uint8Array) && body.bytes !== undefined) new Uint8Array(body.bytes);
      return inner.create(key, body, options);
    },
  })),
  canary("an aborted write leaves half of it", "hostile: a write that is aborted at any moment is there whole or not at all", (inner) => ({
    async create(key, body, options) {
      const bytes = await whole(body);
      await inner.create(key, bytes.subarray(0, bytes.length >> 1));
      await Promise.resolve();
      options?.signal?.throwIfAborted();
      return inner.replace(key, bytes);
    },
  })),
  canary("an aborted replace has removed the object", "hostile: a replace that is aborted while it waits for its body leaves the object that was there", (inner) => ({
    async replace(key, body, options) {
      try {
        return await inner.replace(key, body, options);
      } catch (error) {
        if (options?.signal?.aborted === true) await inner.remove([key]);
        throw error;
      }
    },
  })),
  appendableCanary("a lock whose signal was aborted is taken", "hostile: a lock whose signal was aborted before the call rejects with signal.reason and takes nothing", (inner) => ({
    async lock(prefix, options) {
      const lock = await inner.lock(prefix);
      options?.signal?.throwIfAborted();
      return lock;
    },
  })),

  // append
  fileCanary("an append of nothing makes the file longer", "append: an append of no bytes changes nothing", (inner) => ({
    append: (bytes, options) => inner.append(bytes.length === 0 ? new Uint8Array(1) : bytes, options),
  })),
  fileCanary("an append ends at 1 MiB", "append: an append of 5 MiB is written whole", (inner) => ({
    append: (bytes, options) => inner.append(bytes.subarray(0, 1_048_576), options),
  })),
  fileCanary("truncate makes a file longer, too", "append: truncate to more than the size, or to none, is STORAGE_INVALID_ARGUMENT and harms nothing", (inner) => ({
    async truncate(size) {
      if (size > inner.size) await inner.append(new Uint8Array(size - inner.size));
      else await inner.truncate(size);
    },
  })),
  fileCanary("what was cut off comes back behind a gap", "append: what was cut off does not come back in a gap", (inner) => {
    let cut: Uint8Array = new Uint8Array(0);
    let seen: Uint8Array = new Uint8Array(0);
    return {
      async append(bytes, options) {
        const at = options?.at ?? inner.size;
        if (cut.length > 0 && at > inner.size) await inner.append(cut.subarray(0, at - inner.size));
        cut = new Uint8Array(0);
        await inner.append(bytes, { at });
        seen = Buffer.concat([seen, bytes]);
      },
      async truncate(size) {
        cut = seen.slice(size);
        await inner.truncate(size);
      },
    };
  }),
  appendableCanary("space is prepared when a file is opened", "append: nothing is prepared before the second append", (inner) => ({
    async open(key, options) {
      const file = await inner.open(key, options);
      if (options.mode === "create" && (options.reserveBytes ?? 0) > 0) {
        await file.append(new Uint8Array(4_096));
        await file.truncate(4_000);
      }
      return file;
    },
  })),
  fileCanary("a sync closes the file", "append: sync resolves where every append is durable anyway", (inner) => ({
    sync: () => inner.close(),
  })),
  fileCanary("what is synced by hand is seen after the sync", "append: appends that are synced by hand are seen before the sync and after it", (inner) => {
    const pending: Uint8Array[] = [];
    const flush = async (): Promise<void> => {
      for (const bytes of pending.splice(0)) await inner.append(bytes);
    };
    return {
      append(bytes) {
        pending.push(bytes.slice());
        return Promise.resolve();
      },
      sync: flush,
      async close() {
        await flush();
        await inner.close();
      },
    };
  }),
  fileCanary("disposing of a file does nothing", "append: disposing of a file closes it", () => ({
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })),
  canary("what was put whole cannot be continued", "append: an object that was put whole can be continued", (inner) => {
    const put = new Set<string>();
    return {
      create(key, body, options) {
        put.add(key);
        return inner.create(key, body, options);
      },
      appendable: {
        ...appendableOf(inner),
        open(key, options) {
          if (put.has(key) && options.mode === "continue") return Promise.reject(new StorageError("STORAGE_NOT_FOUND", "no file", { operation: "open", key }));
          return appendableOf(inner).open(key, options);
        },
      },
    };
  }),

  // close
  canary("a list that was asked for goes on after close", "close: a list that was called for before close and started after it rejects STORAGE_CLOSED", (inner) => ({
    async *list(prefix, options) {
      try {
        yield* inner.list(prefix, options);
      } catch (error) {
        if (!hasCode(error, "STORAGE_CLOSED")) throw error;
      }
    },
  })),
  canary("disposing of a backend does nothing", "close: disposing of a backend closes it", () => ({
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })),
  canary("files outlive their backend", "close: files that are open when the backend is closed reject STORAGE_CLOSED, and what they acknowledged is there", (inner) => ({
    close: () => Promise.resolve(),
    read: (key, options) => inner.read(key, options),
  })),
  canary("the prefix of a list may be any name", "hostile: a name that is no key is refused by every call, also where no compiler was asked", (inner) => ({
    list(prefix, options) {
      try {
        storagePrefix(prefix);
      } catch {
        return inTurn([]);
      }
      return inner.list(prefix, options);
    },
  })),
  canary("a name in other letters is the same", "keys: every valid name is an object of its own, and comes back as it was written", (inner) => {
    const folded = (key: StorageKey): StorageKey => storageKey(key.replaceAll("_", "-"));
    return { create: (key, body, options) => inner.create(folded(key), body, options), read: (key, options) => inner.read(folded(key), options) };
  }),
];

async function* whileThere<T>(source: AsyncIterable<T>, isThere: () => Promise<boolean>): AsyncGenerator<T> {
  for await (const item of source) {
    yield item;
    if (!(await isThere())) return;
  }
}

async function* headThen(head: Uint8Array, rest: () => Promise<AsyncIterable<Uint8Array> | undefined>): AsyncGenerator<Uint8Array> {
  const pieces = await rest();
  yield head;
  if (pieces !== undefined) yield* pieces;
}

async function* untilEmpty(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    if (piece.length === 0) return;
    yield piece;
  }
}

/** A generator: at its end when it is asked again. */
async function* all<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  yield* source;
}
