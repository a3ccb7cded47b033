import type { Canary } from "./canary.js";

/** The log with one rule taken away each of who may write, at which number, and what others may read meanwhile. */
export const walAccessCanaries: readonly Canary[] = [
  {
    name: "lock on the segment",
    invariant: "I12",
    store: "wal",
    patches: [
      {
        package: "wal",
        file: "file-writer.js",
        find: "const lock = await options.appendable.lock(options.prefix, { signal: options.signal });",
        replace: `const { numbers } = await recoverFiles(options.storage, options.prefix, options.settings.startSeq, options.signal);
    const lock = await options.appendable.lock(\`\${options.prefix}newest-\${numbers.at(-1) ?? 0}/\`, { signal: options.signal });`,
      },
    ],
    why: "Whoever comes when the writer has gone on in another segment finds that one free.",
    expects: ["I12"],
  },
  {
    name: "expected number not compared",
    invariant: "I16",
    store: "wal",
    patches: [{ package: "wal", file: "commit-queue.js", find: "if (expectedSeq === undefined || expectedSeq === this.#nextSeq)", replace: "if (expectedSeq !== 0)" }],
    why: "Two who have read the same state both append what follows from it.",
    expects: ["I16"],
    scene: "same-expectation",
  },
  {
    name: "reader does not wait for a voucher",
    invariant: "I1",
    store: "wal",
    patches: [{ package: "wal", file: "head-segment.js", find: "this.#prove(proven);", replace: "this.#prove(Infinity);" }],
    why: "Bytes can be read before they are durable: what a reader elsewhere was given is gone with the power.",
    expects: ["I1"],
    scene: "reader-elsewhere",
  },
];
