import { quiet, type VirtualClock } from "@holdfast/storage-sim";
import { pick, type Draw } from "../draws.js";
import { Violation } from "../violation.js";

/**
 * Whose turn it is, by chance. Every request and every answer of every process waits for a turn, so that anything may happen between
 * any two of them; a process that is stopped gets none until it goes on, one that was killed never again. No real time passes, and
 * virtual time seldom, unless nobody can go on without.
 */
export class Turns {
  readonly #clock: VirtualClock;
  readonly #draw: Draw;
  readonly #landLate: () => void;
  #waiting: Waiting[] = [];
  readonly #stopped = new Set<string>();
  readonly #killed = new Set<string>();
  #isCalm = false;
  #given = 0;

  /** @param landLate - Lets everything arrive that is still on its way. */
  constructor(clock: VirtualClock, draw: Draw, landLate: () => void) {
    this.#clock = clock;
    this.#draw = draw;
    this.#landLate = landLate;
  }

  /** Resolves when it is the turn of this process. */
  turn(process: string): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#killed.has(process)) this.#waiting.push({ process, go: resolve });
    });
  }

  /** The process gets no turn any more. */
  kill(process: string): void {
    this.#killed.add(process);
    this.#waiting = this.#waiting.filter((it) => it.process !== process);
  }

  /** From now on nobody is stopped. */
  calm(): void {
    this.#isCalm = true;
    this.#stopped.clear();
  }

  /** Gives turns until `work` is done. @throws Violation of I11 if it never is; what `work` throws. */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { isOver: false };
    const end = (): void => {
      state.isOver = true;
    };
    work.then(end, end);
    let stepMs = 1;
    for (let idle = 0; ; ) {
      await quiet();
      if (state.isOver) return work;
      if (!this.#isCalm && this.#draw(CHANCE_OF_CHANGE) === 0) await this.#change();
      if (this.#give()) {
        idle = 0;
        stepMs = 1;
        continue;
      }
      if (this.#stopped.size > 0 && this.#draw(2) === 0) this.#wakeOne();
      idle += 1;
      if (idle > PATIENCE || this.#given > MAX_TURNS) throw new Violation("I11", "a call is never answered, though the storage answers");
      await this.#clock.advance(stepMs);
      stepMs = Math.min(stepMs * 2, LONGEST_STEP_MS);
    }
  }

  /** Whether somebody could be given a turn. */
  #give(): boolean {
    const ready = this.#waiting.filter(({ process }) => !this.#stopped.has(process));
    const next = ready[this.#draw(ready.length)];
    if (next === undefined) return false;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#given += 1;
    next.go();
    return true;
  }

  async #change(): Promise<void> {
    const what = this.#draw(4);
    const one = this.#waiting[this.#draw(this.#waiting.length)];
    if (what === 0 && one !== undefined) this.#stopped.add(one.process);
    else if (what === 1) this.#wakeOne();
    else if (what === 2) this.#landLate();
    else await this.#clock.advance(pick(this.#draw, PASSING_MS));
  }

  #wakeOne(): void {
    const stopped = [...this.#stopped];
    const one = stopped[this.#draw(stopped.length)];
    if (one !== undefined) this.#stopped.delete(one);
  }
}

interface Waiting {
  readonly process: string;
  go(): void;
}

/** Before one of so many turns somebody is stopped or woken, something late arrives, or time passes. */
const CHANCE_OF_CHANGE = 12;
const PASSING_MS = [5, 100, 3000, 20_000] as const;
const LONGEST_STEP_MS = 60_000;
const PATIENCE = 100;
/** Many times what a schedule needs. */
const MAX_TURNS = 20_000;
