import { ReaderPhase, WriterPhase } from "./actors.js";
import type { Writer } from "./actors.js";
import type { Configuration } from "./configurations.js";
import { isClaim } from "./content.js";
import { MAX_POSITION, RequestKind } from "./state.js";
import type { Pack, Request, State } from "./state.js";

/**
 * Brings states that no future can tell apart to one form: a process that will do nothing more knows nothing, a request that can
 * have no effect any more is not under way, and it does not matter in which order packs and requests are noted.
 */
export function normalise(state: State, configuration: Configuration): void {
  for (const writer of state.writers) forgetUnread(writer, configuration);
  for (const reader of state.readers) {
    if (reader.phase === ReaderPhase.trimmed || reader.phase === ReaderPhase.done) reader.forget();
  }
  // A claim stays for ever, so what would be created in its place never can be. Without one of the rules it might not stay.
  if (configuration.broken === undefined) {
    for (const request of state.requests) {
      if (request.kind === RequestKind.createObject && isClaim(state.objectAt(request.position))) request.erase();
    }
  }
  sortPacks(state.packs);
  sortRequests(state.requests);
}

function forgetUnread(writer: Writer, configuration: Configuration): void {
  if (isAtItsEnd(writer, configuration)) writer.phase = WriterPhase.stopped;
  switch (writer.phase) {
    case WriterPhase.stopped:
      writer.position = writer.nextSeq = writer.record = writer.attempts = 0;
      writer.isAmbiguous = false;
      return;
    case WriterPhase.finding:
      writer.position = writer.nextSeq = 0;
      return;
    case WriterPhase.recovering:
    case WriterPhase.open:
    case WriterPhase.resolvingCommit:
      writer.attempts = 0;
  }
}

/** The bounds of the search let it do nothing more. */
function isAtItsEnd({ id, phase, position, record, attempts }: Writer, configuration: Configuration): boolean {
  const records = configuration.writers[id];
  switch (phase) {
    case WriterPhase.finding:
      return records === undefined || attempts >= configuration.attempts;
    case WriterPhase.claiming:
      return position >= MAX_POSITION;
    case WriterPhase.open:
      return records === undefined || record >= records || position >= MAX_POSITION;
    default:
      return false;
  }
}

/** The highest first; places without a pack last. */
function sortPacks(packs: readonly Pack[]): void {
  const ranks = (pack: Pack): number => (pack.first << 8) | pack.last;
  sort(packs, ranks, (left, right) => {
    const { first, last, ghosts } = left;
    left.first = right.first;
    left.last = right.last;
    left.ghosts = right.ghosts;
    right.first = first;
    right.last = last;
    right.ghosts = ghosts;
  });
}

function sortRequests(requests: readonly Request[]): void {
  const ranks = ({ kind, position, detail, ghosts }: Request): number => ((kind << 24) | (position << 16) | (detail << 8) | ghosts) >>> 0;
  sort(requests, ranks, (left, right) => {
    const { kind, position, detail, ghosts } = left;
    left.kind = right.kind;
    left.position = right.position;
    left.detail = right.detail;
    left.ghosts = right.ghosts;
    right.kind = kind;
    right.position = position;
    right.detail = detail;
    right.ghosts = ghosts;
  });
}

/** Insertion sort, descending by `rankOf`: there are at most four, nearly always in order. */
function sort<Slot>(slots: readonly Slot[], rankOf: (slot: Slot) => number, swap: (left: Slot, right: Slot) => void): void {
  for (let end = 1; end < slots.length; end++) {
    for (let index = end; index > 0; index--) {
      const left = slots[index - 1];
      const right = slots[index];
      if (left === undefined || right === undefined || rankOf(left) >= rankOf(right)) break;
      swap(left, right);
    }
  }
}
