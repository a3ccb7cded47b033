import type { RuntimeReader } from "@holdfast/runtime";
import { Violation } from "../violation.js";
import type { PlayedSchedule, ScheduleOptions } from "../wal-objects/play-schedule.js";
import { Schedule, type LogProcess } from "../wal-objects/schedule.js";
import { expectedRuntimeError } from "./runtime-object-errors.js";
import { lookAt, RUNTIME_ID, SCHEMAS, seenEvent, type OwnEvents } from "./runtime-look.js";
import { RuntimeOwning } from "./runtime-owner.js";
import { RuntimeOwnersLedger } from "./runtime-owners-ledger.js";

/**
 * Three owners who take one runtime from each other, a reader that goes through its events with a cursor, and a follower, each request of whom meets
 * what chance likes. Then the faults end, whoever stood still goes on, everything late arrives, and what is there is compared with all that was promised.
 */
export async function playRuntime({ modules, profile, seed, maxOpenings, attempts }: ScheduleOptions): Promise<PlayedSchedule> {
  const schedule = new Schedule({ modules, profile, seed, attempts });
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

type Reader = RuntimeReader<OwnEvents>;

class Play {
  readonly #schedule: Schedule;
  readonly #maxOpenings: number;
  readonly #ledger = new RuntimeOwnersLedger();
  readonly #leftOpen: RuntimeOwning[] = [];
  #begun = 0;
  openings = 0;

  constructor(schedule: Schedule, maxOpenings: number) {
    this.#schedule = schedule;
    this.#maxOpenings = maxOpenings;
  }

  async play(): Promise<void> {
    const { draw, turns, store } = this.#schedule;
    const stop = new AbortController();
    const follower = this.#follow(stop.signal);
    try {
      await turns.run(Promise.all([this.#lives("a"), this.#lives("b"), this.#lives("c"), this.#reader()]));
      this.#schedule.calm();
      this.#ledger.endOpenings();
      // Of what is late some comes only when the last owner is at work.
      if (draw(2) === 0) store.landLate();
      await turns.run(this.#settle(follower));
    } finally {
      stop.abort();
    }
  }

  async #lives(name: string): Promise<void> {
    const { draw } = this.#schedule;
    for (let life = 1 + draw(2); life > 0; life -= 1) {
      // Two are left for the end.
      if (this.#begun + 2 >= this.#maxOpenings) return;
      this.#begun += 1;
      const process = this.#schedule.process(`${name}${life}`, { diesAfter: draw(3) === 0 ? draw(DYING_REQUESTS) : Infinity });
      await Promise.race([this.#own(process), process.died]);
    }
  }

  /** Opens the runtime, does this and that, and ends: closed, or left open. */
  async #own(process: LogProcess): Promise<void> {
    const { draw } = this.#schedule;
    const owning = await this.#open(process);
    if (owning === undefined) return;
    for (let left = 2 + draw(7); left > 0 && !owning.isOver; left -= 1) await owning.act();
    if (draw(3) === 0) this.#leftOpen.push(owning);
    else await owning.close();
  }

  async #open(process: LogProcess): Promise<RuntimeOwning | undefined> {
    const owning = await RuntimeOwning.open(this.#schedule, this.#ledger, process);
    if (owning !== undefined) this.openings += 1;
    return owning;
  }

  // ------------------------------------------------------------------------------------------------ those who read

  /** Opens the runtime for reading, goes through its events page by page while it changes, and then looks at all of it. */
  async #reader(): Promise<void> {
    const { draw } = this.#schedule;
    const process = this.#schedule.process("r", { isReader: true });
    for (let count = draw(3); count > 0; count -= 1) {
      const reader = await this.#openReader(process);
      if (reader === undefined) continue;
      try {
        await this.#walk(reader);
      } catch (error) {
        expectedRuntimeError(error, "reading", this.#schedule);
      }
      await reader.close();
    }
  }

  async #walk(reader: Reader): Promise<void> {
    let cursor = reader.cursorFromStart();
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const page = await reader.readEvents(cursor, 1 + this.#schedule.draw(4));
      let next = cursor.nextEventId;
      for (const event of page.events) {
        if (event.id < next) throw new Violation("I15", `a reader was given event ${String(event.id)} behind event ${String(next - 1n)}`);
        if (event.id > next) this.#ledger.begins("a reader", event.id);
        this.#ledger.sawEvent("a reader", seenEvent(event));
        next = event.id + 1n;
      }
      if (page.events.length > 0 && page.cursor.nextEventId !== next) throw new Violation("I15", `a reader is to go on with event ${String(page.cursor.nextEventId)} behind event ${String(next - 1n)}`);
      cursor = page.cursor;
      if (!page.hasMore) return;
    }
  }

  async #openReader({ name, storage, clock }: LogProcess): Promise<Reader | undefined> {
    // A request that met a fault may be answered when faults are over.
    const { modules, isCalm } = this.#schedule;
    try {
      return await modules.runtime.openRuntimeReader<OwnEvents>({ storage, runtimeId: RUNTIME_ID, schemas: SCHEMAS, clock });
    } catch (error) {
      // There may be no runtime yet.
      expectedRuntimeError(error, `opening for reading by ${name}`, { isCalm, isHarmed: this.#schedule.isHarmed }, !isCalm || this.openings === 0);
      return undefined;
    }
  }

  /** Begins to follow the events, in one of three schedules. */
  #follow(stop: AbortSignal): Follower | undefined {
    const state = { next: 1n };
    if (this.#schedule.draw(3) > 0) return undefined;
    const process = this.#schedule.process("f", { isReader: true });
    const following = this.#followThrough(process, stop, state);
    // A violation is told when it is asked how far it came.
    const failed = following.then(() => undefined, (error: unknown) => ({ error }));
    return {
      async nextEventId() {
        const failure = await Promise.race([failed, Promise.resolve()]);
        if (failure !== undefined) throw failure.error;
        return state.next;
      },
    };
  }

  async #followThrough(process: LogProcess, stop: AbortSignal, state: { next: bigint }): Promise<void> {
    while (!stop.aborted) {
      const wasCalm = this.#schedule.isCalm;
      const reader = await this.#openReader(process);
      if (reader === undefined) continue;
      try {
        for await (const event of reader.followEvents({ cursor: { runtimeId: RUNTIME_ID, nextEventId: state.next }, signal: stop })) {
          if (event.id < state.next) throw new Violation("I15", `a follower was given event ${String(event.id)} behind event ${String(state.next - 1n)}`);
          if (event.id > state.next) this.#ledger.begins("a follower", event.id);
          this.#ledger.sawEvent("a follower", seenEvent(event));
          state.next = event.id + 1n;
        }
      } catch (error) {
        expectedRuntimeError(error, "following", { isCalm: wasCalm, isHarmed: this.#schedule.isHarmed });
      }
      await reader.close();
    }
  }

  // ------------------------------------------------------------------------------------------------ the end

  /** Nothing disturbs any more. */
  async #settle(follower: Follower | undefined): Promise<void> {
    const { store } = this.#schedule;
    const last = await this.#open(this.#schedule.process("z"));
    if (last === undefined) throw new Violation("I11", "the runtime cannot be opened though nothing disturbs");
    await last.look();
    // Who was superseded and does not know it finds out.
    for (const left of this.#leftOpen) await Promise.race([this.#requireFenced(left), left.process.died]);
    await last.look();
    for (let left = 4; left > 0; left -= 1) await last.act();
    await last.checkpoint();
    await last.act();
    await last.checkpoint();
    store.landLate();
    await last.look();
    if (last.isOver) throw new Violation("I11", "the last owner was fenced by nobody");
    await last.close();
    const again = await this.#open(this.#schedule.process("y"));
    if (again === undefined) throw new Violation("I11", "the runtime cannot be opened again though nothing disturbs");
    await again.look();
    await this.#lookElsewhere();
    await this.#requireFollowed(follower);
    await again.close();
  }

  async #requireFenced(left: RuntimeOwning): Promise<void> {
    if (!left.isOver) await left.checkpoint();
    const acts = left.isOver ? 1 : 3;
    for (let count = acts; count > 0; count -= 1) await left.mutate();
    if (!left.isOver) throw new Violation("I13", `${left.process.name} could still change the runtime after it was taken over`);
    await left.close();
  }

  async #lookElsewhere(): Promise<void> {
    const since = this.#ledger.moment();
    const reader = await this.#openReader(this.#schedule.process("q", { isReader: true }));
    if (reader === undefined) throw new Violation("I11", "the runtime cannot be read though nothing disturbs");
    this.#ledger.saw("the last reader", await lookAt(reader), since);
    await reader.close();
  }

  /** A follower is given everything, some time. */
  async #requireFollowed(follower: Follower | undefined): Promise<void> {
    if (follower === undefined) return;
    const { clock } = this.#schedule;
    for (let looks = 0; (await follower.nextEventId()) <= this.#ledger.lastEventId; looks += 1) {
      if (looks === MAX_LOOKS) throw new Violation("I15", `a follower was given nothing from event ${String(await follower.nextEventId())} on, and ${String(this.#ledger.lastEventId)} was acknowledged long ago`);
      await new Promise<void>((resolve) => {
        clock.setTimer(resolve, LOOK_MS);
      });
    }
  }
}

interface Follower {
  /** The event that it is to be given next. @throws Violation that it found. */
  nextEventId(): Promise<bigint>;
}

/** A process may be killed at any of so many requests. */
const DYING_REQUESTS = 60;
const MOST_PAGES = 60;
const MAX_LOOKS = 300;
const LOOK_MS = 1000;
