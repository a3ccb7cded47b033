import type { Canary } from "./canary.js";

/** Readers of a log on object storage, and the backend below it, with one rule taken away each. */
export const walObjectReaderCanaries: readonly Canary[] = [
  {
    name: "reader ignores sequence numbers",
    invariant: "I15",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-reader.js", find: "if (header.firstSeq > this.#seq)\n            return", replace: "if (false)\n            return" }],
    why: "A claim that came late hides what was there, and what follows is delivered behind a gap.",
    expects: ["I15"],
    scene: "late-claim-where-it-reads",
  },
  {
    name: "reader believes the newest claim",
    invariant: "I15",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-view.js", find: " || (header.recordCount === 0 && (await this.objects.hasAfter(newest, undefined)))", replace: "" }],
    why: "A claim that came late is taken for the end, and states too low a number.",
    expects: ["I15"],
    scene: "late-claim-at-the-end",
  },
  {
    name: "absence taken as the end",
    invariant: "I15",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "object-reader.js",
        find: 'const commits = found === undefined ? "it is not there" : this.#take(found);',
        replace: "if (found?.bytes === undefined) return undefined;\n            const commits = this.#take(found);",
      },
    ],
    why: "What was packed or trimmed since it was listed is taken for something that never was.",
    expects: ["I15"],
  },
  {
    name: "follower never lists",
    invariant: "I15",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-view.js", find: "if (this.#origin === undefined || isListingDue)", replace: "if (this.#origin === undefined)" }],
    why: "What was packed before it came by is never seen.",
    expects: ["I15"],
  },
  {
    name: "reader jumps to the floor silently",
    invariant: "I15",
    store: "wal-objects",
    patches: [{ package: "wal", file: "object-reader.js", find: 'throw trimmed("read", this.#seq, firstSeq);', replace: "this.#seq = firstSeq;" }],
    why: "Records are missing, and nobody is told.",
    expects: ["I15"],
    scene: "trimmed-while-it-reads",
  },
  {
    name: "object believed without its key",
    invariant: "I3",
    store: "wal-objects",
    patches: [
      {
        package: "wal",
        file: "format/object.js",
        find: "return crc32c(ASCII.encode(name), crc32c(bytes.subarray(at, at + HEADER_CRC)));",
        replace: "return crc32c(bytes.subarray(at, at + HEADER_CRC));",
      },
      { package: "wal", file: "object-end.js", find: "header.kind > ObjectKind.claim || header.lastPosition !== position", replace: "header.kind > ObjectKind.claim" },
    ],
    why: "An object that lies under another object's key is believed.",
    expects: ["I1", "I3", "I15"],
    scene: "object-in-anothers-place",
  },
  {
    name: "list trusted as complete after one page",
    invariant: "I14",
    store: "wal-objects",
    patches: [{ package: "storage-s3", file: "listing.js", find: 'if (isTruncated === "false")', replace: "if (true)" }],
    why: "The newest object stands on the last page: whoever sees the first one alone takes an old one for it.",
    expects: ["I15"],
    scene: "many-pages",
  },
  {
    name: "hidden retry in the HTTP layer",
    invariant: "I14",
    store: "wal-objects",
    patches: [
      {
        package: "storage-s3",
        file: "client.js",
        find: "const response = await port.request({ ...signable, headers, signal, timeoutMs });",
        replace: "const sent = { ...signable, headers, signal, timeoutMs };\n            const response = await port.request(sent).catch(() => port.request(sent));",
      },
    ],
    why: "The answer to the second request speaks of another moment than the first one, which may have been applied.",
    expects: ["I14"],
  },
];
