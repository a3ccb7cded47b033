import type { Canary } from "./canary.js";
import type { Patch } from "./patched-modules.js";

/** The directory backend with one rule taken away each. */
export const fsCanaries: readonly Canary[] = [
  {
    name: "no directory sync",
    invariant: "I1",
    store: "storage-fs",
    patches: [fs("object-writer.js", "        await publishName(key, directories, failure);\n        return entry;", "        return entry;")],
    why: "The object is durable, and its name is not.",
    expects: ["I1", "I8"],
  },
  {
    name: "no directory sync behind a removal",
    invariant: "I1",
    store: "storage-fs",
    patches: [fs("removing.js", "await directories.publish(directory);", "")],
    why: "What was removed is back after a power loss.",
    expects: ["I1", "I3"],
  },
  {
    name: "only directories that this call made are synced",
    invariant: "I1",
    store: "storage-fs",
    patches: [
      fs(
        "durable-directories.js",
        "const pending = chainOf(directory).filter((it) => !this.#isDurable(it));",
        "const made = [];\n        const pending = chainOf(directory).filter((it) => !this.#isDurable(it));",
      ),
      fs("durable-directories.js", "await this.#port.mkdir(this.directoryPath(it), this.#permissions);", "await this.#port.mkdir(this.directoryPath(it), this.#permissions);\n                made.push(it);"),
      fs("durable-directories.js", "return pending;", "return made;"),
    ],
    why: "A directory that another process made and did not sync can be seen, and is gone after a power loss.",
    expects: ["I1"],
    scene: "directory-of-another-process",
  },
  {
    name: "no file sync before link or rename",
    invariant: "I8",
    store: "storage-fs",
    patches: [fs("body.js", "await slots.run(() => file.sync());", "")],
    why: "The name is durable before the bytes are: an empty object, or one with holes.",
    expects: ["I1", "I8"],
  },
  {
    name: "directory sync tried again after it failed",
    invariant: "I9",
    store: "storage-fs",
    patches: [fs("durable-directories.js", "if (!NOT_BEGUN.has(code))\n                this.#failed.set(directory, error);", "")],
    why: "The second sync answers ok and does nothing for what the first one let go.",
    expects: ["I1"],
    scene: "directory-sync-fails",
  },
  {
    name: "replaced in place",
    invariant: "I8",
    store: "storage-fs",
    patches: [
      fs(
        "object-writer.js",
        "const temporary = await directories.within(directory, () => openTemporary(directories.directoryPath(directory), temporaries, failure));",
        `const temporary =
            operation === "create"
                ? await directories.within(directory, () => openTemporary(directories.directoryPath(directory), temporaries, failure))
                : { path: directories.path(key), file: await port.open(directories.path(key), { mode: "lock", permissions: temporaries.permissions }) };
        if (operation === "replace") await temporary.file.truncate(0);`,
      ),
    ],
    why: "A crash leaves neither the old object nor the new one.",
    expects: ["I1", "I8"],
  },
  {
    name: "replace used as create",
    invariant: "I16",
    store: "storage-fs",
    patches: [fs("object-names.js", 'if (failure.operation === "create")', "if (failure.operation === undefined)")],
    why: "Two processes look, find the key free, and both are told that they have created it.",
    expects: ["I16"],
    scene: "one-key-at-once",
  },
  {
    name: "one temporary name for all",
    invariant: "I17",
    store: "storage-fs",
    patches: [
      fs("temporaries.js", "const path = `${directory}/${temporaryName(options.random)}`;", 'const path = `${directory}/.tmp-0-0-${"0".repeat(2 * RANDOM_BYTES)}`;'),
      fs("temporaries.js", '{ mode: "create", permissions: options.permissions }', '{ mode: "lock", permissions: options.permissions }'),
      fs("temporaries.js", "if (!options.locked ||", "if (options.locked ||"),
    ],
    why: "Two writers write into one file, and one takes the name away from the other.",
    expects: ["I3", "I8", "I11", "I17"],
  },
  {
    name: "a lock that everybody gets",
    invariant: "I12",
    store: "storage-fs",
    patches: [fs("lock.js", "if (!(await file.tryLock()))", "if (file === undefined)")],
    why: "Two processes write to one log.",
    expects: ["I12"],
  },
  {
    name: "cut without a sync",
    invariant: "I6",
    store: "storage-fs",
    patches: [
      fs(
        "append-file.js",
        "await this.#file.truncate(size);\n                // Not before this is an append safe: a later one could be durable before the cut, and the old tail come back.\n                await this.#parts.slots.run(() => this.#file.datasync());",
        "await this.#file.truncate(size);",
      ),
    ],
    why: "What was cut off is back behind what was appended since.",
    expects: ["I1", "I3", "I6"],
  },
  {
    name: "what is found is not synced before something is put behind it",
    invariant: "I6",
    store: "storage-fs",
    patches: [fs("open-for-appending.js", "await slots.run(() => file.datasync());", "")],
    why: "A synced write pins its own bytes: what was in front of them is lost with the power.",
    expects: ["I1", "I3", "I6"],
  },
  {
    name: "a failed write does not poison",
    invariant: "I9",
    store: "storage-fs",
    patches: [fs("append-file.js", "this.#poison ??= { cause };", "")],
    why: "What is appended next is acknowledged on top of bytes that nobody knows.",
    expects: ["I1", "I3", "I9"],
    scene: "append-after-a-failed-one",
  },
  {
    name: "bytes of the last block are not written again",
    invariant: "I1",
    store: "storage-fs",
    patches: [fs("direct-writes.js", "memory.set(this.#last.subarray(0, before));", "memory.fill(0, 0, before);")],
    why: "An append past the cache leaves zeros where the one before ended.",
    expects: ["I1", "I3"],
  },
  {
    name: "the last block is not remembered",
    invariant: "I1",
    store: "storage-fs",
    patches: [fs("append-file.js", "this.#direct?.appended(this.#bytes, this.#at);", "")],
    why: "The same, since nobody knows what the block held.",
    expects: ["I1", "I3"],
  },
  {
    name: "bytes that are written again count as the append's",
    invariant: "I11",
    store: "storage-fs",
    patches: [fs("direct-writes.js", "(await this.#file.write(memory.subarray(0, total), from)) - start", "await this.#file.write(memory.subarray(0, total), from)")],
    why: "Of a short write the rest is put too far behind, or not written at all.",
    expects: ["I1"],
    scene: "short-write-of-a-block",
  },
  {
    name: "a short write that ends before its append",
    invariant: "I11",
    store: "storage-fs",
    patches: [fs("append-file.js", "return Math.min(Math.max(0, count), bytes.byteLength);", "return Math.min(count, bytes.byteLength);")],
    why: "What is written as its rest stands in the bytes before it.",
    expects: ["I1"],
    scene: "short-write-of-a-block",
  },
  {
    name: "a refused write past the cache counts as written",
    invariant: "I1",
    store: "storage-fs",
    patches: [fs("append-file.js", "if (!isFull(error) && !isImpossible)", "if (isImpossible)\n                return bytes.byteLength;\n            if (!isFull(error))")],
    why: "Nothing was written, neither past the cache nor through it.",
    expects: ["I1", "I3"],
  },
  {
    name: "past the cache again behind a cut",
    invariant: "I6",
    store: "storage-fs",
    patches: [fs("append-file.js", "await this.#leaveDirect();\n                await this.#file.truncate(size);", "await this.#file.truncate(size);")],
    why: "The block that is remembered is another one than the one in which the file ends: it is written over durable bytes.",
    expects: ["I1", "I6"],
    scene: "cut-below-the-last-block",
  },
  {
    name: "string-prefix list",
    invariant: "I19",
    store: "storage-fs",
    patches: [
      fs(
        "listing.js",
        "for (const batch of batches(namesOf((await io.entries(directory)) ?? [], directory, after, failure))) {",
        `const slash = directory.lastIndexOf("/", directory.length - 2) + 1;
    const begins = directory.slice(0, -1);
    const isTop = failure.top === undefined;
    failure = { ...failure, top: true };
    const names = isTop ? namesOf((await io.entries(directory.slice(0, slash))) ?? [], directory.slice(0, slash), after, failure).filter((name) => name.startsWith(begins))
        : namesOf((await io.entries(directory)) ?? [], directory, after, failure);
    for (const batch of batches(names)) {`,
      ),
    ],
    why: "A list of one prefix holds what lies beside it and begins alike.",
    expects: ["I19"],
    scene: "neighbours",
  },
];

function fs(file: string, find: string, replace: string): Patch {
  return { package: "storage-fs", file, find, replace };
}
