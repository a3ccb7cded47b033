import type { StateSubject } from "./state-subject.js";

interface Event {
  readonly name: number;
  readonly pad: string;
}

/** The most that a commit may have in the histories of state stores. */
export const MAX_COMMIT_BYTES = 8192;

/** The state store with a state that is nothing but the names of its events. */
export const plainSubject: StateSubject<readonly number[], Event> = {
  open: ({ modules, words, ...ports }) =>
    modules.snapshot.openStateStore<readonly number[], Event>({
      ...ports,
      prefix: "state",
      initial: [],
      apply(state, { name }) {
        if (name === REFUSED) throw new RangeError("refused");
        return [...state, name];
      },
      snapshot: { keep: 2, everyBytes: words.has("often") ? 1024 : Infinity },
      log: { maxCommitBytes: MAX_COMMIT_BYTES, ...(words.has("small") ? { segmentBytes: 16 * 1024 } : {}) },
    }),
  names: (state) => state,
  batch: (names, sizes) => names.map((name, index) => ({ name, pad: "x".repeat(sizes[index] ?? 0) })),
  positionOf: (_, seq) => seq,
  fits: (seq, shown) => seq === shown.length,
  refused: { name: 0, pad: "" },
  large: (name, bytes) => ({ name, pad: "x".repeat(bytes) }),
  check: () => undefined,
};

const REFUSED = 0;
