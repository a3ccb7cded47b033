import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The runtime store on object storage, with one rule taken away each that only objects need, or that only several processes show. */
export const runtimeObjectsCanaries: readonly Canary[] = [
  {
    name: "page not waited for",
    invariant: "I1",
    store: "runtime-objects",
    patches: [runtime("pages/new-pages.js", "await this.#storage.create(pageKey(this.#prefix, kind, number), bytes);", "this.#storage.create(pageKey(this.#prefix, kind, number), bytes).catch(() => undefined);")],
    why: "The journal is trimmed before its page is there, or where it never comes.",
    expects: ["I1", "I5"],
  },
  {
    name: "page believed without its checksum",
    invariant: "I3",
    store: "runtime-objects",
    patches: [runtime("stored/page.js", "return bytes.length === block.bytes && blockChecksum(encodePageHeader(identity), block.offset, bytes) === block.checksum;", "return true;")],
    why: "Bytes that came over wrongly are taken for an event or an entry: storage has no checksum for a part of an object.",
    expects: ["I3", "I4", "I5"],
  },
  {
    name: "fenced store goes on answering mutations as done",
    invariant: "I13",
    store: "runtime-objects",
    patches: [runtime("store.js", "this.#pending.drop(changes);", 'this.#pending.drop(changes);\n            if (hasCode(error, "WAL_FENCED")) return;')],
    why: "Whoever was superseded is told that its mutation is durable.",
    expects: ["I1", "I7", "I13"],
  },
  {
    name: "removal without a commit before it",
    invariant: "I13",
    store: "runtime-objects",
    patches: [runtime("pages/sealer.js", 'await commit([{ type: "sealed", seq: cut.seq }]);', "")],
    why: "Whoever was superseded and does not know it removes pages that its successor has made.",
    expects: ["I1", "I5"],
  },
  {
    name: "taken name of a page taken for ours",
    invariant: "I13",
    store: "runtime-objects",
    patches: [runtime("pages/new-pages.js", "await this.#storage.create(pageKey(this.#prefix, kind, number), bytes);", 'await this.#storage.create(pageKey(this.#prefix, kind, number), bytes).catch((error) => {\n            if (error.code !== "STORAGE_ALREADY_EXISTS")\n                throw error;\n        });')],
    why: "A snapshot names a page that somebody else has made, with other events in it.",
    expects: ["I1", "I3", "I4", "I5"],
  },
  {
    name: "lost answer about a page taken as success",
    invariant: "I14",
    store: "runtime-objects",
    patches: [runtime("pages/new-pages.js", "await this.#storage.create(pageKey(this.#prefix, kind, number), bytes);", 'await this.#storage.create(pageKey(this.#prefix, kind, number), bytes).catch((error) => {\n            if (error.outcome !== "unknown")\n                throw error;\n        });')],
    why: "A snapshot names a page that was never made.",
    expects: ["I1", "I5"],
  },
  {
    name: "page removed that a kept snapshot names",
    invariant: "I22",
    store: "runtime-objects",
    patches: [runtime("pages/sealer.js", "for (const key of pages)\n                this.#superfluous.delete(key);", "")],
    why: "Pages of the snapshot before go, and with them those that the newest one shares with it.",
    expects: ["I1", "I5"],
  },
];

function runtime(file: string, find: string, replace: string): Patch {
  return { package: "runtime", file, find, replace };
}
