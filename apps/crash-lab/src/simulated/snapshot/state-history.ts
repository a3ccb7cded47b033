import { drawWords } from "../disk-options.js";
import { pick, type Draw } from "../draws.js";
import { classOf } from "../fault-classes.js";
import type { SimulatedStore } from "../simulated-store.js";
import type { StoreHistory } from "../store-history.js";
import { trialHistory } from "../trial-history.js";
import { parseSteps, type Step } from "../trial.js";
import { plainSubject } from "./plain-subject.js";
import { diskHost } from "./state-host.js";
import { StateLedger } from "./state-ledger.js";
import { StateLife } from "./state-life.js";
import type { StateSubject } from "./state-subject.js";

/**
 * A state store. Steps: `o` open; `u` commit an event of so many bytes, or several as a batch; `r` commit what the reducer refuses; `s`
 * snapshot; `l` an event that is too large, and one behind it; `x` a bit of the newest snapshot is harmed, so many bytes before its end; `w` let so many milliseconds pass; `c` close and open again; `h` the faults are over.
 */
export function simulatedState<S, E>(name: string, subject: StateSubject<S, E>): SimulatedStore<StateLedger> {
  return {
    name,
    faultKinds: [
      "fail", "failAfter", "failPartly", "drop", "lie", "lost", "misdirect", "short", "flip", "rot", "zero", "unreadable", "shuffle", "evict", "readOnly",
    ],
    optionWords: ["often", "small"],
    stepLetters: ["o", "u", "r", "l", "s", "x", "w", "c", "h"],
    drawOptions: (draw) =>
      drawWords(draw, [
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
    live: (life) => new StateLife(life, diskHost(life), subject).run(),
  };
}

/** The state store on a directory: `@holdfast/snapshot` on `@holdfast/wal` and `@holdfast/storage-fs`. */
export const stateHistory: StoreHistory = trialHistory(simulatedState("state", plainSubject));

/** Mostly the short way, which is the fast one. */
const USUAL: readonly Step[] = parseSteps("h o u9");
const OTHERS: readonly (readonly Step[])[] = ["h o x21 c u9", "h o u9 s x3 c u4", "h o s u5,6 s x70 c", "h o u9 &s u20 u30 c u1", "h o u9 l c"].map(parseSteps);

function drawWord(draw: Draw, isSmall: boolean): string {
  const size = (): number => (draw(isSmall ? 3 : 8) === 0 ? 400 + draw(4000) : draw(120));
  const lazy = draw(5) === 0 ? "&" : "";
  const words: readonly [() => string, ...(() => string)[]] = [
    () => `${lazy}u${size()}`,
    () => `${lazy}u${size()}`,
    () => `${lazy}u${size()}`,
    () => `${lazy}u${size()},${size()}`,
    () => `${lazy}s`,
    () => `${lazy}s`,
    () => "s",
    () => pick(draw, ["c", `x${draw(60)}`, `x${draw(30)}`, "r", "l", "w60"]),
  ];
  return pick(draw, words)();
}
