import type { CheckpointStore } from "@holdfast/checkpoint";
import { hasCode, isHoldfastError, type HoldfastError } from "@holdfast/storage";
import type { ModulesUnderTest, Profile } from "../store-history.js";
import { Violation } from "../violation.js";
import { Schedule, type LogProcess } from "../wal-objects/schedule.js";
import { KEEP } from "./checkpoint-ledger.js";
import { stateOf, STREAM, valueOf } from "./checkpoint-value.js";
import { OwnersLedger, type Owner } from "./owners-ledger.js";

/** What is played: all of it follows from this. */
export interface OwnersOptions {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly seed: number;
  /** At most so many openings, the last one of all included. */
  readonly maxOpenings: number;
}

/** What was played. */
export interface PlayedOwners {
  readonly schedule: Schedule;
  readonly openings: number;
  readonly violation: Violation | undefined;
}

/**
 * Three owners who take one stream from each other, and a reader, each request of whom meets what chance likes. Then the faults end, whoever
 * stood still goes on, everything late arrives, and what is there is compared with all that was promised.
 */
export async function playOwners({ modules, profile, seed, maxOpenings }: OwnersOptions): Promise<PlayedOwners> {
  const schedule = new Schedule({ modules, profile, seed, attempts: 1 });
  const play = new Play(schedule, maxOpenings);
  let violation: Violation | undefined;
  try {
    await play.play();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  return { schedule, openings: Math.max(1, play.openings), violation };
}

interface LeftOpen {
  readonly store: CheckpointStore;
  readonly owner: Owner;
  readonly process: LogProcess;
}

class Play {
  readonly #schedule: Schedule;
  readonly #maxOpenings: number;
  readonly #ledger = new OwnersLedger();
  readonly #leftOpen: LeftOpen[] = [];
  #begun = 0;
  #sequence = 0;
  openings = 0;

  constructor(schedule: Schedule, maxOpenings: number) {
    this.#schedule = schedule;
    this.#maxOpenings = maxOpenings;
  }

  async play(): Promise<void> {
    const { turns, store } = this.#schedule;
    await turns.run(Promise.all([this.#lives("a"), this.#lives("b"), this.#lives("c"), this.#reader()]));
    this.#schedule.calm();
    store.landLate();
    await turns.run(this.#settle());
  }

  async #lives(name: string): Promise<void> {
    const { draw } = this.#schedule;
    for (let life = 1 + draw(2); life > 0; life -= 1) {
      // One is left for the end.
      if (this.#begun + 1 >= this.#maxOpenings) return;
      this.#begun += 1;
      const process = this.#schedule.process(`${name}${life}`, { diesAfter: draw(3) === 0 ? draw(DYING_REQUESTS) : Infinity });
      await Promise.race([this.#own(process), process.died]);
    }
  }

  /** Opens the stream, looks at it, saves and deletes, and ends: closed, or left open. */
  async #own(process: LogProcess): Promise<void> {
    const { draw } = this.#schedule;
    const opened = await this.#open(process);
    if (opened === undefined) return;
    const { store, owner } = opened;
    if (draw(4) > 0) await this.#look(store, owner);
    for (let left = 1 + draw(5), isOver = false; left > 0 && !isOver; left -= 1) {
      if (draw(6) === 0) isOver = await this.#delete(store, owner);
      else isOver = await this.#save(store, owner);
    }
    if (draw(3) === 0) this.#leftOpen.push({ ...opened, process });
    else await store.close();
  }

  async #open(process: LogProcess): Promise<Omit<LeftOpen, "process"> | undefined> {
    const owner = this.#ledger.opening(process.name);
    const store = this.#store(process);
    try {
      await store.open(STREAM);
    } catch (error) {
      this.#expected(error, `opening by ${process.name}`);
      return undefined;
    }
    this.#ledger.opened(owner);
    this.openings += 1;
    return { store, owner };
  }

  #store({ storage, clock, random }: LogProcess): CheckpointStore {
    return this.#schedule.modules.checkpoint.checkpointStore({ storage, prefix: "checkpoints", keep: KEEP, clock, random });
  }

  async #look(store: CheckpointStore, owner: Owner): Promise<void> {
    const since = this.#ledger.moment();
    const found = new Map<number, number>();
    try {
      for (const { sequence } of await store.list(STREAM)) {
        const one = await store.get(STREAM, sequence);
        // Somebody who was superseded may see what its successor has removed.
        if (one === undefined) return;
        found.set(Number(sequence), valueOf(one.state));
        this.#sequence = Math.max(this.#sequence, Number(sequence));
      }
    } catch (error) {
      this.#expected(error, `reading by ${owner.name}`);
      return;
    }
    this.#ledger.ownerSaw(owner, found, since);
  }

  /** @returns Whether it was superseded. */
  async #save(store: CheckpointStore, owner: Owner): Promise<boolean> {
    const { draw } = this.#schedule;
    this.#sequence += 1;
    const sequence = Math.max(1, this.#sequence - draw(2) * draw(4));
    const value = this.#ledger.offer(owner, sequence);
    try {
      const { stored } = await store.save(stateOf(sequence, value, draw(40)), { ifExists: "replace" });
      if (stored) this.#ledger.acknowledge(value);
      else this.#ledger.refuse(value);
    } catch (error) {
      const { code, outcome } = this.#expected(error, `a save by ${owner.name}`);
      if (outcome === "not_applied") this.#ledger.refuse(value);
      return code === "CHECKPOINT_FENCED";
    }
    return false;
  }

  async #delete(store: CheckpointStore, owner: Owner): Promise<boolean> {
    const below = this.#sequence - this.#schedule.draw(3);
    this.#ledger.deleting(below);
    try {
      await store.deleteBefore(STREAM, BigInt(Math.max(0, below)));
    } catch (error) {
      return this.#expected(error, `a deletion by ${owner.name}`).code === "CHECKPOINT_FENCED";
    }
    return false;
  }

  async #reader(): Promise<void> {
    const process = this.#schedule.process("r");
    for (let looks = this.#schedule.draw(4); looks > 0; looks -= 1) await this.#readLatest(process);
  }

  async #readLatest(process: LogProcess): Promise<void> {
    const since = this.#ledger.moment();
    try {
      const { checkpoint, skipped } = await this.#store(process).latest(STREAM);
      // What could not be read is reported, and an older one given in its place.
      if (skipped.length > 0 && this.#schedule.isCalm) throw new Violation("I5", `${process.name} cannot read what nobody has harmed`, { cause: skipped[0]?.error });
      if (skipped.length === 0) this.#ledger.readerSaw(process.name, checkpoint && { sequence: Number(checkpoint.sequence), value: valueOf(checkpoint.state) }, since);
    } catch (error) {
      this.#expected(error, `reading by ${process.name}`);
    }
  }

  /** Nothing disturbs any more. */
  async #settle(): Promise<void> {
    const process = this.#schedule.process("z");
    await this.#readLatest(process);
    const opened = await this.#open(process);
    if (opened === undefined) throw new Violation("I11", "the stream cannot be opened though nothing disturbs");
    const { store, owner } = opened;
    await this.#look(store, owner);
    // Who was superseded and does not know it finds out.
    for (const left of this.#leftOpen) await Promise.race([this.#requireFenced(left), left.process.died]);
    if (await this.#save(store, owner)) throw new Violation("I11", "the last owner was fenced by nobody");
    await this.#look(store, owner);
    await store.close();
    const last = await this.#open(this.#schedule.process("y"));
    if (last !== undefined) await this.#look(last.store, last.owner);
  }

  async #requireFenced({ store, owner }: LeftOpen): Promise<void> {
    if (!(await this.#save(store, owner))) throw new Violation("I13", `${owner.name} could still save after its stream was taken over`);
    await store.close();
  }

  #expected(error: unknown, what: string): HoldfastError {
    if (error instanceof Violation) throw error;
    if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
    if (hasCode(error, "CHECKPOINT_FENCED")) return error;
    const isKnown = DISTURBED.has(error.code) || (this.#schedule.isHarmed && error.code === "CHECKPOINT_CORRUPT");
    if (!isKnown) throw new Violation("I5", `${what} fails with ${error.code}, though nothing was damaged or misused: ${error.message}`, { cause: error });
    if (this.#schedule.isCalm) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
    return error;
  }
}

/** What a storage leads to that does not answer, refuses keys and clocks, or is full. */
const DISTURBED: ReadonlySet<string> = new Set(["STORAGE_ACCESS_DENIED", "STORAGE_FULL", "STORAGE_READ_FAILED", "STORAGE_REMOVE_FAILED", "STORAGE_WRITE_FAILED"]);
/** A process may be killed at any of so many requests. */
const DYING_REQUESTS = 40;
