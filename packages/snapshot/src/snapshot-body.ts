import type { StorageBody } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { SnapshotEncoder } from "./format/encoder.js";
import type { SnapshotHeader } from "./format/header.js";
import { TimeSlices } from "./time-slices.js";

/** What is to be in a snapshot: bytes, or a source that gives the same pieces each time it is opened. A piece is copied before the next is asked for. */
export type SnapshotContent = Uint8Array | { open(): AsyncIterable<Uint8Array> };

/** The bytes of a snapshot around its content, made while they are written, in slices of time, with a block in memory. */
export class SnapshotBody {
  readonly #header: SnapshotHeader;
  readonly #content: SnapshotContent;
  readonly #clock: Clock;
  /** What the content threw. The storage tells of it in its own words. */
  failure: { readonly error: unknown } | undefined;

  constructor(header: SnapshotHeader, content: SnapshotContent, clock: Clock) {
    this.#header = header;
    this.#content = content;
    this.#clock = clock;
  }

  get body(): StorageBody {
    return { open: () => this.#framed() };
  }

  async *#framed(): AsyncGenerator<Uint8Array, void, undefined> {
    const encoder = new SnapshotEncoder(this.#header);
    const slices = new TimeSlices(this.#clock);
    yield encoder.start();
    for await (const piece of this.#pieces()) {
      for (const block of encoder.add(piece)) {
        yield block;
        if (slices.isOver) await slices.pause();
      }
      if (slices.isOver) await slices.pause();
    }
    yield* encoder.end();
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      if (this.#content instanceof Uint8Array) yield this.#content;
      else yield* this.#content.open();
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}
