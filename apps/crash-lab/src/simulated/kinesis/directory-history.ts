import { drawWords } from "../disk-options.js";
import { pick, type Draw } from "../draws.js";
import { classOf } from "../fault-classes.js";
import type { SimulatedStore } from "../simulated-store.js";
import type { StoreHistory } from "../store-history.js";
import { trialHistory } from "../trial-history.js";
import { parseSteps, type Step } from "../trial.js";
import { DirectoryLedger } from "./directory-ledger.js";
import { DirectoryLife } from "./directory-life.js";

/**
 * A directory of ferrokinesis. Steps: `o`, `c` open, after closing what is open; `a` append a whole state that holds so many bytes; `s` snapshot; `w` let
 * so many milliseconds pass; `b` the wall clock steps back by so many; `h` the faults are over.
 */
const directory: SimulatedStore<DirectoryLedger> = {
  name: "kinesis-directory",
  // The format has no checksum, so that it promises nothing on a disk that changes bytes.
  faultKinds: ["fail", "failAfter", "failPartly", "drop", "short", "shuffle", "evict", "readOnly"],
  optionWords: ["often"],
  stepLetters: ["o", "c", "a", "s", "w", "b", "h"],
  drawOptions: (draw) => drawWords(draw, [["often", 2]]),
  drawScript(draw, _, size) {
    const words = ["o"];
    while (words.length <= size + 2) words.push(drawWord(draw));
    return parseSteps(words.join(" "));
  },
  drawSettling: (draw) => OTHERS[draw(4 * OTHERS.length)] ?? USUAL,
  newLedger: ({ faults }) => new DirectoryLedger(classOf(faults)),
  live: (life) => new DirectoryLife(life).run(),
};

/** What ferrokinesis keeps, as `openKinesisDirectory` of `@holdfast/kinesis` goes on with it. */
export const kinesisDirectoryHistory: StoreHistory = trialHistory(directory);

const USUAL: readonly Step[] = parseSteps("h o a9");
const OTHERS: readonly (readonly Step[])[] = ["h o c a3", "h o s c a5 c", "h o a300 s c", "h o b90000 a4 a5 c"].map(parseSteps);

/** Entries have four bytes for each, so that they go over some sectors or lie in one. */
function drawWord(draw: Draw): string {
  const size = (): number => (draw(3) === 0 ? 200 + draw(1200) : draw(40));
  const lazy = draw(4) === 0 ? "&" : "";
  const words: readonly [() => string, ...(() => string)[]] = [
    () => `${lazy}a${size()}`,
    () => `${lazy}a${size()}`,
    () => `${lazy}a${size()}`,
    () => `${lazy}s`,
    () => "s",
    () => pick(draw, ["c", "w1200", "b5000", "w1200"]),
  ];
  return pick(draw, words)();
}
