import type { PageRef, TranscriptRange } from "../state/runtime-state.js";
import { writeEntry } from "../stored/fields.js";
import type { PageWriter } from "../stored/page.js";
import type { Cut, PagedCut, WorkerCut } from "./cut.js";
import { isSmall, SMALL_PAGES, type NewPages } from "./new-pages.js";
import type { PageStore } from "./page-store.js";
import type { TimeSlices } from "./time-slices.js";

/** What became of the transcripts of a cut. */
export type PagedTranscripts = Pick<PagedCut, "transcriptPages" | "ranges">;

/**
 * Moves the entries of a cut into one page, worker by worker; of the pages before, those that are many and small, or mostly forgotten, are
 * written again with them. Pages with nothing that is kept are not in the answer.
 *
 * @throws what the storage says; RUNTIME_CORRUPT for a damaged page that was to be written again.
 */
export async function makeTranscriptPages(made: NewPages, pages: PageStore, cut: Cut): Promise<PagedTranscripts> {
  const used = entriesByPage(cut.workers);
  const live = [...cut.transcriptPages.values()].filter((page) => used.has(page.number));
  const given = pagesToGiveUp(live, used, made.pageBytes);
  if (given.size === 0 && cut.workers.every(({ entries }) => entries === 0)) {
    return { transcriptPages: byNumber(live), ranges: cut.workers.map(({ ranges }) => ranges) };
  }
  const page = made.begin("transcripts");
  const ranges: (readonly TranscriptRange[])[] = [];
  for (const worker of cut.workers) {
    if (made.slices.isOver) await made.slices.pause();
    ranges.push(await writeTranscript({ writer: page.writer, number: page.number, pages, cut, given, slices: made.slices }, worker));
  }
  const count = ranges.flat().reduce((sum, range) => sum + (range.page === page.number ? range.count : 0), 0);
  const kept = live.filter(({ number }) => !given.has(number));
  return { transcriptPages: byNumber([...kept, { ...(await made.create(page)), count }]), ranges };
}

interface Writing {
  readonly writer: PageWriter;
  /** Of the page that is written. */
  readonly number: number;
  readonly pages: PageStore;
  readonly cut: Cut;
  /** Pages whose entries go into the new one. */
  readonly given: ReadonlySet<number>;
  readonly slices: TimeSlices;
}

/** What follows on the range before, in the same page, is one range with it. */
async function writeTranscript(writing: Writing, { worker, ranges, entries, pagedLength }: WorkerCut): Promise<readonly TranscriptRange[]> {
  const { writer, number } = writing;
  const result: TranscriptRange[] = [];
  const add = (firstPosition: number, count: number, firstBlock: number): void => {
    const range = { page: number, firstPosition, count, firstBlock, blockCount: writer.blocks - firstBlock };
    const last = result.at(-1);
    if (last?.page !== number) result.push(range);
    else result[result.length - 1] = { ...last, count: last.count + range.count, blockCount: last.blockCount + range.blockCount };
  };
  for (const range of ranges) {
    const firstBlock = writer.blocks;
    if (!writing.given.has(range.page)) result.push(range);
    else {
      await copyBlocks(writing, range);
      add(range.firstPosition, range.count, firstBlock);
    }
  }
  if (entries === 0) return result;
  const firstBlock = writer.blocks;
  for (const [index, entry] of worker.tail.slice(0, entries).entries()) {
    writer.add(BigInt(pagedLength + index), (to) => {
      writeEntry(to, entry);
    });
    if (writing.slices.isOver) await writing.slices.pause();
  }
  writer.endBlock();
  add(pagedLength, entries, firstBlock);
  return result;
}

async function copyBlocks({ writer, pages, cut }: Writing, range: TranscriptRange): Promise<void> {
  const page = cut.transcriptPages.get(range.page);
  if (page === undefined) return;
  const index = await pages.index("transcripts", page);
  for (let at = range.firstBlock; at < range.firstBlock + range.blockCount; at++) {
    const block = index.block(at);
    writer.addBlock(block, await pages.block("transcripts", page, block));
  }
}

/** The small ones if they are many, and those of which most is forgotten; not more than some pages' worth at once. */
function pagesToGiveUp(live: readonly PageRef[], used: ReadonlyMap<number, number>, pageBytes: number): ReadonlySet<number> {
  const small = live.filter((page) => isSmall(page, pageBytes));
  const sparse = live.filter((page) => (used.get(page.number) ?? 0) * 2 < page.count);
  const chosen = new Set<number>();
  let bytes = 0;
  for (const page of [...(small.length >= SMALL_PAGES ? small : []), ...sparse]) {
    if (chosen.has(page.number) || bytes + page.bytes > 4 * pageBytes) continue;
    chosen.add(page.number);
    bytes += page.bytes;
  }
  return chosen;
}

/** Entries that are kept, by page. */
function entriesByPage(workers: readonly WorkerCut[]): ReadonlyMap<number, number> {
  const used = new Map<number, number>();
  for (const { ranges } of workers) {
    for (const { page, count } of ranges) used.set(page, (used.get(page) ?? 0) + count);
  }
  return used;
}

function byNumber(pages: readonly PageRef[]): ReadonlyMap<number, PageRef> {
  return new Map(pages.map((page) => [page.number, page]));
}
