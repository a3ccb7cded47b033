import { drawWords } from "../disk-options.js";
import { pick, type Draw } from "../draws.js";
import { classOf } from "../fault-classes.js";
import type { SimulatedStore } from "../simulated-store.js";
import { parseSteps, type Step } from "../trial.js";
import { LogLedger } from "./log-ledger.js";
import { LogLife } from "./log-life.js";
import { LATE_START } from "./log-place.js";

/**
 * The log. Steps: `o` open; `a` append a record of so many bytes, or several as a batch; `d` the same, synced also in a relaxed
 * log; `e` append only if the next number is the stated one (1: it is, else it is not); `s` sync; `t` trim below a number; `w`
 * let so many milliseconds pass; `r` read everything; `c` close and open again; `u` a second writer tries; and in other
 * processes `l` read everything, `f` follow, `v` verify; `h` the faults are over.
 */
export const walStore: SimulatedStore<LogLedger> = {
  name: "wal",
  faultKinds: [
    "fail", "failAfter", "failPartly", "drop", "lie", "lost", "misdirect", "short", "flip", "rot", "zero", "unreadable", "shuffle", "evict", "readOnly",
  ],
  optionWords: ["relaxed", "small", "align", "ahead", "late", "retrim", "slow"],
  stepLetters: ["o", "a", "d", "e", "s", "t", "w", "r", "c", "u", "l", "f", "v", "h"],
  // With `retrim` a trim that finds nothing to do has to last too. With `slow` removing a file takes long, and the log fills segments meanwhile.
  drawOptions: (draw, drawApart) => [
    ...drawWords(draw, [
      ["relaxed", 3],
      ["small", 6],
      ["align", 5],
      ["ahead", 8],
      ["late", 10],
      ["retrim", 2],
    ]),
    ...drawWords(drawApart, [["slow", 16]]),
  ],
  drawScript(draw, options, size) {
    const words = ["o"];
    if (draw(8) === 0) words.push("f");
    const length = options.includes("slow") ? size + SEGMENTS_FILLED : size;
    while (words.length <= length) words.push(drawWord(draw, options));
    return parseSteps(words.join(" "));
  },
  drawSettling: (draw) => OTHERS[draw(8 * OTHERS.length)] ?? (draw(3) === 0 ? GOING_ON : USUAL),
  newLedger: ({ faults, options }) =>
    new LogLedger({ faults: classOf(faults), keepsWritten: faults.length === 0, startSeq: options.includes("late") ? LATE_START : 1 }),
  live: (life) => new LogLife(life).run(),
};

/** How many more steps there are where removals are slow: enough to fill some segments before one, and some during it. */
const SEGMENTS_FILLED = 5;

/** Mostly the short way, which is the fast one: to open, and to read everything. */
const USUAL: readonly Step[] = parseSteps("h o");
const GOING_ON: readonly Step[] = parseSteps("h o a9");
const OTHERS: readonly (readonly Step[])[] = ["h l o a9", "h l o a9", "h o a9 c r", "h o c a9 r", "h l o r w60 l", "h o a5 &a7 t2 f w300 a5 c", "h o v"].map(parseSteps);

function drawWord(draw: Draw, options: readonly string[]): string {
  const size = (): number => (options.includes("slow") ? 3000 + draw(4000) : drawSize(draw, options.includes("small")));
  const lazy = draw(5) === 0 ? "&" : "";
  const one = (): string => `${lazy}a${size()}`;
  const words: readonly [() => string, ...(() => string)[]] = [
    one, one, one, one, one, one,
    () => `${lazy}a${size()},${size()}${draw(2) === 0 ? `,${size()}` : ""}`,
    () => `${lazy}a${size()},${size()}`,
    () => `t${1 + draw(6) + (options.includes("late") ? LATE_START - 1 : 0)}`,
    () => `t${1 + draw(6) + (options.includes("late") ? LATE_START - 1 : 0)}`,
    () => `w${pick(draw, [60, 60, 45, 300])}`,
    () => `w${pick(draw, [60, 60, 45, 300])}`,
    () => "c",
    () => (options.includes("relaxed") ? pick(draw, ["s", `d${size()}`]) : "r"),
    () => "l",
    () => pick(draw, ["u", "v", "e1", "e2", "s", "f"]),
  ];
  return pick(draw, words)();
}

/** Mostly one sector, sometimes several, in small segments often a large part of one. */
function drawSize(draw: Draw, isSmall: boolean): number {
  const large = isSmall ? 3 : 12;
  if (draw(large) === 0) return isSmall ? 1000 + draw(5000) : 400 + draw(9000);
  return draw(10) === 0 ? draw(3) : 4 + draw(120);
}
