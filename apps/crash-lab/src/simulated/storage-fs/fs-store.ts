import { drawWords } from "../disk-options.js";
import { classOf } from "../fault-classes.js";
import { pick, type Draw } from "../draws.js";
import type { SimulatedStore } from "../simulated-store.js";
import { parseSteps, type Step } from "../trial.js";
import { FsLedger } from "./fs-ledger.js";
import { FsLife } from "./fs-life.js";
import { FILES, OBJECT_KEYS } from "./fs-place.js";

/**
 * A directory as a backend. Steps: `o` open, and look at everything; `n` create an object: which key, how many bytes, in how many
 * pieces; `p` replace one; `x` remove one or two; `g` append to a file: which one, how many bytes, behind how large a gap; `y`
 * sync it, `t` cut it to a size, `z` close it; `i` list and read everything; `c` close and open again; in other processes `l`
 * list and read everything, `u` try to take the lock; `h` the faults are over.
 */
export const fsStore: SimulatedStore<FsLedger> = {
  name: "storage-fs",
  // Not what changes bytes behind everybody's back: a backend has no checksums, and promises nothing then.
  faultKinds: ["fail", "failAfter", "failPartly", "drop", "short", "unreadable", "shuffle", "evict", "readOnly"],
  optionWords: ["nested"],
  stepLetters: ["o", "n", "p", "x", "g", "y", "t", "z", "i", "c", "l", "u", "h"],
  drawOptions: (draw) => drawWords(draw, [["nested", 5]]),
  drawScript(draw, _options, size) {
    const words = ["o"];
    // What a file that grows can lose shows only when several calls follow each other on the same one.
    const drawNext = draw(2) === 0 ? fileWords(pick(draw, [0, 1, 2, 2])) : drawWord;
    while (words.length <= size + 1) words.push(drawNext(draw));
    return parseSteps(words.join(" "));
  },
  drawSettling: (draw) => (draw(8) === 0 ? (OTHERS[draw(OTHERS.length)] ?? USUAL) : USUAL),
  newLedger: ({ faults }) =>
    new FsLedger({ objects: OBJECT_KEYS, files: FILES.map(({ key }) => key), isFaultless: faults.length === 0, isHonest: classOf(faults) !== "lied" }),
  live: (life) => new FsLife(life).run(),
};

const USUAL: readonly Step[] = parseSteps("h o");
const OTHERS: readonly (readonly Step[])[] = ["h o n0,20 n1,30 p2,40", "h l o", "h o g0,20 g1,20 g2,20 y2 c", "h o x0,1 n0,9 l c", "h o c i", "h o p3,600 c"].map(parseSteps);

function drawWord(draw: Draw): string {
  const lazy = draw(4) === 0 ? "&" : "";
  // Few keys, so that calls meet.
  const key = (): number => (draw(3) === 0 ? draw(OBJECT_KEYS.length) : draw(2));
  const put = (op: string) => (): string => `${lazy}${op}${key()},${drawSize(draw)},${draw(3)}`;
  const grow = (): string => `${lazy}g${draw(FILES.length)},${1 + drawSize(draw)}${draw(6) === 0 ? `,${1 + draw(700)}` : ""}`;
  const words: readonly [() => string, ...(() => string)[]] = [
    put("n"), put("n"), put("n"), put("p"), put("p"), put("p"),
    grow, grow, grow, grow,
    () => `${lazy}x${key()}${draw(3) === 0 ? `,${1 + draw(OBJECT_KEYS.length - 1)}` : ""}`,
    () => `${lazy}x${key()}`,
    () => pick(draw, ["y2", "y2", `t${draw(FILES.length)},${draw(300)}`, `z${draw(FILES.length)}`]),
    () => pick(draw, ["c", "i", "l", "u"]),
  ];
  return pick(draw, words)();
}

/** Mostly calls on one file: it grows, is cut, closed and opened again. */
function fileWords(file: number): (draw: Draw) => string {
  const grow = (draw: Draw): string => `g${file},${1 + drawSize(draw)}`;
  const cut = (draw: Draw): string => `t${file},${draw(100)}`;
  const close = (draw: Draw): string => (draw(3) === 0 ? "c" : `z${file}`);
  return (draw) => pick(draw, [grow, grow, grow, grow, grow, cut, close, close])(draw);
}

function drawSize(draw: Draw): number {
  if (draw(12) === 0) return 3000 + draw(9000);
  return draw(3) === 0 ? 300 + draw(900) : draw(120);
}
