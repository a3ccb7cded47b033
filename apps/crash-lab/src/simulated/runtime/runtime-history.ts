import { drawWords } from "../disk-options.js";
import { pick, type Draw } from "../draws.js";
import { classOf } from "../fault-classes.js";
import type { SimulatedStore } from "../simulated-store.js";
import { StateLedger } from "../snapshot/state-ledger.js";
import type { StoreHistory } from "../store-history.js";
import { trialHistory } from "../trial-history.js";
import { parseSteps, type Step } from "../trial.js";
import { RuntimeLife } from "./runtime-life.js";

/**
 * The runtime store. What is promised is the transcript of one worker, whose entries have names. Steps: `o` open; `u` an input of so many bytes,
 * or several entries as one mutation; `l` a mutation that is too large, and one behind it; `s` checkpoint; `t` trim the older half of the events;
 * `x` a bit of the newest snapshot is harmed, so many bytes before its end; `w` let so many milliseconds pass; `c` close and open again; `h` the
 * faults are over. Option `files`: with files behind the journal, as in a directory of yoi.
 */
const runtimeStore: SimulatedStore<StateLedger> = {
  name: "runtime",
  faultKinds: [
    "fail", "failAfter", "failPartly", "drop", "lie", "lost", "misdirect", "short", "flip", "rot", "zero", "unreadable", "shuffle", "evict", "readOnly",
  ],
  optionWords: ["files", "often", "small"],
  stepLetters: ["o", "u", "l", "s", "t", "x", "w", "c", "h"],
  drawOptions: (draw) =>
    drawWords(draw, [
      ["files", 2],
      ["often", 2],
      ["small", 4],
    ]),
  drawScript(draw, options, size) {
    const words = ["o"];
    while (words.length <= size + 2) words.push(drawWord(draw, options.includes("small")));
    return parseSteps(words.join(" "));
  },
  drawSettling: (draw) => OTHERS[draw(4 * OTHERS.length)] ?? USUAL,
  newLedger: ({ faults }) => new StateLedger(classOf(faults)),
  live: (life) => new RuntimeLife(life).run(),
};

/** The runtime store on a directory: `@holdfast/runtime` on `@holdfast/wal` and `@holdfast/storage-fs`. */
export const runtimeHistory: StoreHistory = trialHistory(runtimeStore);

/** Mostly the short way, which is the fast one. */
const USUAL: readonly Step[] = parseSteps("h o u9");
const OTHERS: readonly (readonly Step[])[] = ["h o x21 c u9", "h o u9 s x3 c u4", "h o s u5,6 s x70 c", "h o u9 &s u20 u30 c u1", "h o u9 l c", "h o t s u3 c"].map(parseSteps);

function drawWord(draw: Draw, isSmall: boolean): string {
  const size = (): number => (draw(isSmall ? 3 : 8) === 0 ? 400 + draw(4000) : draw(120));
  const lazy = draw(5) === 0 ? "&" : "";
  const words: readonly [() => string, ...(() => string)[]] = [
    () => `${lazy}u${size()}`,
    () => `${lazy}u${size()}`,
    () => `${lazy}u${size()}`,
    () => `${lazy}u${size()},${size()}`,
    () => `${lazy}s`,
    () => "s",
    () => pick(draw, ["c", `x${draw(60)}`, `x${draw(30)}`, "t", "l", "w60", "w1200"]),
  ];
  return pick(draw, words)();
}
