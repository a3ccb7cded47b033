import { breaks } from "./configurations.js";
import { isClaim, isCommit, NOTHING, recordOf, seqOf, writerOf } from "./content.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";

/**
 * The log is, by definition, for each position the first object that was ever created there. What is created at a position
 * whose first object is gone is a ghost.
 */

/**
 * `create log/<position>`, now or late. Returns whether it was created; false means that something is there.
 *
 * What becomes part of the log is judged here: it follows what is before it, and comes from the writer whose claim counts.
 */
export function createObject(steps: Steps, next: State, position: number, content: number): boolean {
  if (next.objectAt(position) !== NOTHING && !breaks(steps.configuration, "put without condition")) return false;
  next.objects[position] = content;
  if (position === next.lastPosition + 1) enterHistory(steps, next, position, content);
  else if (position <= next.lastPosition) steps.count(isCommit(content) ? "ghost commit" : "ghost claim");
  else steps.violation("hole: a position was written before the one below it");
  return true;
}

function enterHistory(steps: Steps, next: State, position: number, content: number): void {
  if (isCommit(content)) {
    const writer = writerOf(content);
    if (ownerOf(next) !== writer) steps.violation("a record of a fenced writer entered the log after its successor's claim");
    if (((next.writer(writer).notApplied >> recordOf(content)) & 1) === 1) {
      steps.violation("a record that was reported as not applied entered the log");
    }
  }
  if (seqOf(content) !== recordsThrough(next, next.lastPosition) + 1) {
    steps.violation(isCommit(content) ? "sequence number reused or skipped" : "a claim with a wrong sequence number entered the log");
  }
  next.lastPosition = position;
  next.history[position] = content;
}

/** The writer of the log's last claim, undefined if there is none. */
function ownerOf(state: State): number | undefined {
  for (let position = state.lastPosition; position > 0; position--) {
    const content = state.historyAt(position);
    if (isClaim(content)) return writerOf(content);
  }
  return undefined;
}

/** How many records the log has at positions up to `position`. */
export function recordsThrough(state: State, position: number): number {
  let records = 0;
  for (let index = 1; index <= position; index++) if (isCommit(state.historyAt(index))) records++;
  return records;
}

/** How many records the log has. */
export function recordsOf(state: State): number {
  return recordsThrough(state, state.lastPosition);
}

/** The log's commit with the sequence number `seq`, or NOTHING. */
export function commitWithSeq(state: State, seq: number): number {
  for (let position = 1; position <= state.lastPosition; position++) {
    const content = state.historyAt(position);
    if (isCommit(content) && seqOf(content) === seq) return content;
  }
  return NOTHING;
}

/** Whether the log has the record that `writer` numbered `record`. */
export function hasRecord(state: State, writer: number, record: number): boolean {
  for (let position = 1; position <= state.lastPosition; position++) {
    const content = state.historyAt(position);
    if (isCommit(content) && writerOf(content) === writer && recordOf(content) === record) return true;
  }
  return false;
}
