import { MAX_U64 } from "@holdfast/bytes";
import type { Clock } from "@holdfast/storage/ports";

/** When checkpoints of one stream are due: after so many of its own events, and after so much time. */
export class Schedule {
  /** `undefined`: never. */
  readonly #everyEvents: bigint | undefined;
  readonly #everyMs: number;
  readonly #clock: Clock;
  #dueAt: bigint | undefined;
  #takenAtMs: number;

  /** @param latest - Sequence of the checkpoint that the stream goes on from; 0 for none. */
  constructor(clock: Clock, everyEvents: bigint | undefined, everyMs: number, latest: bigint) {
    this.#clock = clock;
    this.#everyEvents = everyEvents;
    this.#everyMs = everyMs;
    this.#dueAt = after(latest, everyEvents);
    this.#takenAtMs = clock.monotonic();
  }

  isDue(sequence: bigint): boolean {
    return (this.#dueAt !== undefined && sequence >= this.#dueAt) || this.#clock.monotonic() - this.#takenAtMs >= this.#everyMs;
  }

  /** A checkpoint was taken here: the next is due so much later, whatever becomes of this one. */
  taken(sequence: bigint): void {
    this.#dueAt = after(sequence, this.#everyEvents);
    this.#takenAtMs = this.#clock.monotonic();
  }
}

/** At the end of all sequences it stays, so that from there on each event is due. */
function after(sequence: bigint, everyEvents: bigint | undefined): bigint | undefined {
  if (everyEvents === undefined) return undefined;
  const next = sequence + everyEvents;
  return next > MAX_U64 ? MAX_U64 : next;
}
