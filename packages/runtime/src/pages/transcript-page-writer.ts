import type { TranscriptRecord } from "../format/model.js";
import type { PageRef, TranscriptRange } from "../state/runtime-state.js";
import { writeEntry } from "../stored/fields.js";
import type { NewPage, NewPages } from "./new-pages.js";

/** Writes whole transcripts, one after the other, into as many pages as they need. */
export class TranscriptPageWriter {
  readonly #made: NewPages;
  readonly #done: PageRef[] = [];
  #page: NewPage | undefined;
  #count = 0;

  constructor(made: NewPages) {
    this.#made = made;
  }

  /** All entries of one worker. Answers where they are. */
  async add(entries: AsyncIterable<TranscriptRecord>): Promise<readonly TranscriptRange[]> {
    const ranges: TranscriptRange[] = [];
    let position = 0;
    let open: OpenRange | undefined;
    for await (const entry of entries) {
      if (this.#page !== undefined && this.#page.writer.length >= this.#made.pageBytes) {
        if (open !== undefined) ranges.push(ended(open, position));
        open = undefined;
        await this.#finish(this.#page);
      }
      const page = (this.#page ??= this.#made.begin("transcripts"));
      open ??= { page, firstPosition: position, firstBlock: page.writer.blocks };
      page.writer.add(BigInt(position), (writer) => {
        writeEntry(writer, entry);
      });
      position += 1;
      this.#count += 1;
    }
    if (open !== undefined) ranges.push(ended(open, position));
    return ranges;
  }

  async end(): Promise<ReadonlyMap<number, PageRef>> {
    if (this.#page !== undefined) await this.#finish(this.#page);
    return new Map(this.#done.map((page) => [page.number, page]));
  }

  async #finish(page: NewPage): Promise<void> {
    this.#done.push({ ...(await this.#made.create(page)), count: this.#count });
    this.#page = undefined;
    this.#count = 0;
  }
}

interface OpenRange {
  readonly page: NewPage;
  readonly firstPosition: number;
  readonly firstBlock: number;
}

/** A worker's entries are in blocks of its own. */
function ended({ page, firstPosition, firstBlock }: OpenRange, position: number): TranscriptRange {
  page.writer.endBlock();
  return { page: page.number, firstPosition, count: position - firstPosition, firstBlock, blockCount: page.writer.blocks - firstBlock };
}
