import { Block } from "./block.js";
import type { Configuration } from "./configuration.js";
import { FrameKind } from "./frame.js";
import type { Frame } from "./frame.js";
import { planRecovery } from "./plan.js";
import type { Plan } from "./plan.js";
import type { Segment } from "./segment.js";
import { at, MAX_SEQ } from "./state.js";
import type { State } from "./state.js";

/**
 * Compares what an undisturbed open would find now with everything that was promised. Returns the first promise that would be
 * broken. Asked after every step, and whatever an open returns joins the promises: so recovery is checked to be repeatable.
 */
export function brokenPromise(state: State, configuration: Configuration): string | undefined {
  const { promises, budget } = state;
  const plan = planRecovery(state, configuration);
  if (plan.refusal !== undefined) return budget.damaged ? undefined : `opening refused without damage: ${plan.refusal}`;
  for (let seq = plan.floorSeq; seq <= MAX_SEQ; seq++) {
    const value = plan.values[seq] ?? 0;
    const durable = at(promises.durable, seq);
    const relaxed = at(promises.relaxed, seq);
    if (durable !== 0 && value !== durable) {
      return value === 0 ? "acknowledged or delivered record lost" : "another value under an acknowledged sequence number";
    }
    if (relaxed !== 0 && value !== relaxed) return "record lost by a process crash";
    if (seq <= plan.copyThrough && value === 0) return "hole";
    if (value !== 0 && wasReportedGone(state, value)) return "a record that was reported as not kept came back";
  }
  return plan.floorSeq < promises.floorSeq ? "trimmed records are back" : undefined;
}

/** Whether `seq` was promised to be another record than `value`. */
export function contradicts(state: State, seq: number, value: number): boolean {
  const promised = at(state.promises.durable, seq);
  return promised !== 0 && promised !== value;
}

/** `value` was acknowledged as durable, or delivered, under `seq`. */
export function promiseDurable(state: State, seq: number, value: number): void {
  state.promises.durable[seq] = value;
}

/** A sync makes durable what relaxed appends acknowledged. */
export function promiseRelaxedDurable(state: State): void {
  const { durable, relaxed } = state.promises;
  for (let seq = 1; seq <= MAX_SEQ; seq++) {
    const value = at(relaxed, seq);
    if (value !== 0) durable[seq] = value;
  }
  forgetRelaxed(state);
}

/** Relaxed acknowledgements end with power loss, a failed sync, and the next open. */
export function forgetRelaxed(state: State): void {
  state.promises.relaxed.fill(0);
}

/**
 * The damage is one that cannot be told from a torn tail: records from `seq` on may be missing, except those that were proven
 * at some time.
 */
export function releaseFrom(state: State, seq: number): void {
  const { durable, relaxed, proven } = state.promises;
  for (let released = seq; released <= MAX_SEQ; released++) {
    if (((proven >> released) & 1) === 1) continue;
    durable[released] = 0;
    relaxed[released] = 0;
  }
}

/** Notes which of the promised records are proven durable now. Not needed any more when all the damage has been done. */
export function noteProven(state: State, { provenStays }: Configuration): void {
  if (provenStays === "no") return;
  const { promises, budget } = state;
  if (budget.damages === 0) {
    promises.proven = 0;
    return;
  }
  for (const segment of state.segments) {
    if (!segment.inView || !segment.onDisk) continue;
    for (const frame of segment.frames) {
      if (frame.kind !== FrameKind.commit || frame.header !== Block.durable || frame.body !== Block.durable) continue;
      if (at(promises.durable, frame.seq) !== frame.value || !isVouchedFor(state, segment, frame)) continue;
      if (provenStays === "anywhere" || isEstablishedOnDisk(state, segment)) promises.proven |= 1 << frame.seq;
    }
  }
}

/** All copies that the segment was to inherit are vouched for by what is durable. */
function isEstablishedOnDisk(state: State, segment: Segment): boolean {
  if (segment.inheritedThrough === segment.predecessorLastSeq) return true;
  const lastCopy = segment.frames.find(({ kind, seq }) => kind === FrameKind.commit && seq === segment.inheritedThrough);
  return lastCopy !== undefined && isVouchedFor(state, segment, lastCopy);
}

/** Something durable proves that `frame` was: a header behind it, or the begin of the segment that follows. */
export function isVouchedFor(state: State, segment: Segment, { index }: Frame): boolean {
  for (const later of segment.frames) {
    if (later.index > index && later.header === Block.durable && later.durableThrough > index) return true;
  }
  for (const later of state.segments) {
    if (later.number <= segment.number || later.begin !== Block.durable) continue;
    if (later.predecessor === segment.number && later.predecessorEnd > index) return true;
  }
  return false;
}

/** An open has resolved: records that exist and that `plan` does not show are reported as not kept, unless they were trimmed. */
export function reportGone(state: State, plan: Plan): void {
  const { promises } = state;
  let gone = 0;
  for (let value = 1; value < promises.nextValue; value++) if (!plan.values.includes(value, 1)) gone |= 1 << value;
  for (let seq = 1; seq < plan.floorSeq; seq++) gone &= ~(1 << at(promises.durable, seq));
  promises.gone |= gone;
}

/** Whether an open reported the record `value` as not kept. */
export function wasReportedGone(state: State, value: number): boolean {
  return ((state.promises.gone >> value) & 1) === 1;
}
