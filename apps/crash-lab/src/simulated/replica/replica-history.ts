import { drawWords } from "../disk-options.js";
import { pick, type Draw } from "../draws.js";
import { classOf } from "../fault-classes.js";
import type { SimulatedStore } from "../simulated-store.js";
import type { StoreHistory } from "../store-history.js";
import { trialHistory } from "../trial-history.js";
import { parseSteps, type Step } from "../trial.js";
import { withHashLoaded } from "./hash-loaded.js";
import { ReplicaLedger } from "./replica-ledger.js";
import { ReplicaLife } from "./replica-life.js";

/**
 * A log, what replicates it, and what is restored. Steps: `o` open the log and look at everything; `a` append a record of so many bytes, or several as a
 * batch; `p` replicate, with a number in a process of its own, and so taking over from the replicator before; `y` sync; `w` wait for the last record; `z` sync the
 * replicator that was taken over; `q` close the replicators; `k` kill those in processes of their own; `r` look at interrupted restores and restore, with
 * a number up to some record; `c` close the log and open it again; `x` harm a bit of an object of the replica; `g` lose a segment that is not the newest; `e` remove what is needless where all
 * is old, with a number where the newest snapshot is young; `h` the faults are over.
 */
const replicaStore: SimulatedStore<ReplicaLedger> = {
  name: "replica",
  faultKinds: [
    "fail", "failAfter", "failPartly", "drop", "lie", "lost", "misdirect", "short", "flip", "rot", "zero", "unreadable", "shuffle", "evict", "readOnly",
  ],
  optionWords: ["foreign", "relaxed"],
  stepLetters: ["o", "a", "p", "y", "w", "z", "q", "k", "r", "c", "x", "g", "e", "h"],
  drawOptions: (draw) => drawWords(draw, [["foreign", 6], ["relaxed", 5]]),
  drawScript(draw, _options, size) {
    const words = ["o", `a${drawSize(draw)}`, draw(2) === 0 ? "p" : "p1"];
    while (words.length <= size + 4) words.push(drawWord(draw));
    if (draw(2) === 0) words.push("y", "r");
    return parseSteps(words.join(" "));
  },
  drawSettling: (draw) => (draw(5) === 0 ? drawDamage(draw) : (OTHERS[draw(2 * OTHERS.length)] ?? USUAL)),
  newLedger: ({ faults }) => new ReplicaLedger(classOf(faults)),
  live: (life) => new ReplicaLife(life).run(),
};

/** A log in a directory and its replica in another: `@holdfast/replica` on `@holdfast/storage-fs`. */
export const replicaHistory: StoreHistory = withHashLoaded(trialHistory(replicaStore));

/** Mostly the source is gone: it is restored first, and compared with the source afterwards. */
const USUAL: readonly Step[] = parseSteps("h r o");
const OTHERS: readonly (readonly Step[])[] = [
  "h r o p a2100 y p1 a9 w a5 z e r",
  "h o p a300 y p1 a9 w a5 z r c y r3",
  "h o p a9 y a9 y a9 y g1 r",
  "h r o p1 a9 c y q p a9 y r",
].map(parseSteps);

/** Something is harmed, and what can be restored is; or the replication goes on in another generation, and what is needless of the one before goes. */
function drawDamage(draw: Draw): readonly Step[] {
  const at = draw(200);
  return parseSteps(draw(2) === 0 ? `h o p a300 y x${at} r x${draw(200)} r` : `h o p a300 y x${at} p1 a9 y w e1 r`);
}

function drawWord(draw: Draw): string {
  const lazy = draw(3) === 0 ? "&" : "";
  const words: readonly [() => string, ...(() => string)[]] = [
    () => `${lazy}a${drawSize(draw)}`,
    () => `${lazy}a${drawSize(draw)}`,
    () => `${lazy}a${drawSize(draw)},${drawSize(draw)}`,
    () => `${lazy}${pick(draw, ["y", "y", "w"])}`,
    () => `${lazy}${pick(draw, ["y", "y", "w"])}`,
    () => pick(draw, ["p", "p1", "p1", "z", "q", "k"]),
    () => pick(draw, ["r", "r", `r${1 + draw(9)}`, "c", `x${draw(200)}`, `g${draw(20)}`, pick(draw, ["e", "e1"])]),
  ];
  return pick(draw, words)();
}

/** Now and then a record fills a segment of the replica. */
function drawSize(draw: Draw): number {
  return draw(4) === 0 ? 400 + draw(2000) : 9 + draw(120);
}
