import { drawWords } from "../disk-options.js";
import { pick, type Draw } from "../draws.js";
import { classOf } from "../fault-classes.js";
import type { SimulatedStore } from "../simulated-store.js";
import type { StoreHistory } from "../store-history.js";
import { trialHistory } from "../trial-history.js";
import { parseSteps, type Step } from "../trial.js";
import { CheckpointLedger } from "./checkpoint-ledger.js";
import { CheckpointLife } from "./checkpoint-life.js";

/**
 * Checkpoints of one stream. Steps: `o` open and look at everything; `s` save a state of so many bytes under a higher sequence, `r` another one under the highest, `l`
 * one below it; `d` delete what is below the highest, with a number that one as well; `v` look; `x` a bit of the newest one is harmed, so many bytes before its
 * end; `c` close and open again; `h` the faults are over.
 */
const checkpointStore: SimulatedStore<CheckpointLedger> = {
  name: "checkpoint",
  faultKinds: [
    "fail", "failAfter", "failPartly", "drop", "lie", "lost", "misdirect", "short", "flip", "rot", "zero", "unreadable", "shuffle", "evict", "readOnly",
  ],
  optionWords: ["small"],
  stepLetters: ["o", "s", "r", "l", "d", "v", "x", "c", "h"],
  drawOptions: (draw) => drawWords(draw, [["small", 3]]),
  drawScript(draw, options, size) {
    const words = ["o"];
    while (words.length <= size + 2) words.push(drawWord(draw, options.includes("small")));
    return parseSteps(words.join(" "));
  },
  drawSettling: (draw) => OTHERS[draw(3 * OTHERS.length)] ?? USUAL,
  newLedger: ({ faults }) => new CheckpointLedger(classOf(faults)),
  live: (life) => new CheckpointLife(life).run(),
};

/** Checkpoints in a directory: `@holdfast/checkpoint` on `@holdfast/storage-fs`. */
export const checkpointHistory: StoreHistory = trialHistory(checkpointStore);

/** Mostly the short way, which is the fast one. */
const USUAL: readonly Step[] = parseSteps("h o s9 v");
const OTHERS: readonly (readonly Step[])[] = ["h o x21 v s9 v", "h o s9 x3 c s4 v", "h o d1 s5 v c", "h o s9 &r20 &s30 v c"].map(parseSteps);

function drawWord(draw: Draw, isSmall: boolean): string {
  const size = (): number => (draw(isSmall ? 9 : 4) === 0 ? 400 + draw(6000) : draw(120));
  const lazy = draw(4) === 0 ? "&" : "";
  const words: readonly [() => string, ...(() => string)[]] = [
    () => `${lazy}s${size()}`,
    () => `${lazy}s${size()}`,
    () => `${lazy}s${size()}`,
    () => `${lazy}r${size()}`,
    () => `${lazy}l${size()}`,
    () => pick(draw, ["c", "c", `x${draw(300)}`, "d", "d", "d1", "v"]),
  ];
  return pick(draw, words)();
}
