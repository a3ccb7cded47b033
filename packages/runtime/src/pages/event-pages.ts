import type { EventRecord } from "../format/model.js";
import type { EventPageRef } from "../state/runtime-state.js";
import { writeEvent } from "../stored/fields.js";
import type { Cut } from "./cut.js";
import { isSmall, SMALL_PAGES, type NewPage, type NewPages } from "./new-pages.js";
import type { PageStore } from "./page-store.js";

/**
 * Moves the events of a cut into pages; of the pages before, the newest are written again with them if they are many and small. Pages with
 * nothing that is kept are not in the answer.
 *
 * @throws what the storage says; RUNTIME_CORRUPT for a damaged page that was to be written again.
 */
export async function makeEventPages(made: NewPages, pages: PageStore, cut: Cut): Promise<readonly EventPageRef[]> {
  const { runtimeId, eventFloor: floor } = cut.frame;
  const kept = cut.eventPages.filter((page) => page.lastId >= floor);
  const events = cut.events.filter((event) => event.id >= floor);
  if (events.length === 0) return kept;
  const small = smallRun(kept, made.pageBytes);
  const writing = new EventPageWriter(made, runtimeId);
  for (const page of kept.slice(kept.length - small)) {
    const index = await pages.index("events", page);
    for (let block = 0; block < index.blocks; block++) {
      for (const event of await pages.events(page, index.block(block), runtimeId)) {
        if (event.id < floor) continue;
        if (writing.mustWait(event)) await writing.wait(event);
        writing.add(event);
      }
    }
  }
  for (const event of events) {
    if (writing.mustWait(event)) await writing.wait(event);
    writing.add(event);
  }
  return [...kept.slice(0, kept.length - small), ...(await writing.end())];
}

/** Writes events into as many pages as they need. */
export class EventPageWriter {
  readonly #made: NewPages;
  readonly #runtimeId: string;
  readonly #done: EventPageRef[] = [];
  #page: NewPage | undefined;
  #count = 0;
  #firstId = 0n;
  #lastId = 0n;

  constructor(made: NewPages, runtimeId: string) {
    this.#made = made;
    this.#runtimeId = runtimeId;
  }

  /** Whether to {@link wait} before this event: not for each of them, since an `await` costs more than an event. */
  mustWait(event: EventRecord): boolean {
    return this.#isFull(event) || this.#made.slices.isOver;
  }

  /** Finishes the page if it is full, and lets others have their turn. */
  async wait(event: EventRecord): Promise<void> {
    if (this.#page !== undefined && this.#isFull(event)) await this.#finish(this.#page);
    if (this.#made.slices.isOver) await this.#made.slices.pause();
  }

  /** @param event - Not below the one before. */
  add(event: EventRecord): void {
    this.#page ??= this.#made.begin("events");
    if (this.#count === 0) this.#firstId = event.id;
    this.#lastId = event.id;
    this.#count += 1;
    this.#page.writer.add(event.id, (writer) => {
      writeEvent(writer, event, this.#runtimeId);
    });
  }

  /** Events that share an id stay in one page: it is found by the last id in it. */
  #isFull(next: EventRecord): boolean {
    return this.#page !== undefined && this.#page.writer.length >= this.#made.pageBytes && next.id !== this.#lastId;
  }

  async end(): Promise<readonly EventPageRef[]> {
    if (this.#page !== undefined) await this.#finish(this.#page);
    return this.#done;
  }

  async #finish(page: NewPage): Promise<void> {
    this.#done.push({ ...(await this.#made.create(page)), count: this.#count, firstId: this.#firstId, lastId: this.#lastId });
    this.#page = undefined;
    this.#count = 0;
  }
}

/** How many of the newest pages are small, if they are enough to become one. */
function smallRun(pages: readonly EventPageRef[], pageBytes: number): number {
  const lastLarge = pages.findLastIndex((page) => !isSmall(page, pageBytes));
  const run = pages.length - 1 - lastLarge;
  return run >= SMALL_PAGES ? run : 0;
}
