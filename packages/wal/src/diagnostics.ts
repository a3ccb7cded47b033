import { channel } from "node:diagnostics_channel";
import type { CommitBuffer } from "./commit-buffer.js";
import type { WalError } from "./errors.js";
import type { LogRecovery } from "./types.js";

/** Published on `holdfast:wal:opened`. */
export interface LogOpenedEvent {
  readonly prefix: string;
  readonly firstSeq: number;
  readonly nextSeq: number;
  readonly recovery: LogRecovery;
}

/** Published on `holdfast:wal:commit` after each commit. */
export interface LogCommitEvent {
  readonly prefix: string;
  readonly firstSeq: number;
  readonly records: number;
  /** Bytes of the records. */
  readonly payloadBytes: number;
  /** From the start of the write to its answer. */
  readonly latencyMs: number;
  /** Number of the segment. On object storage the position. */
  readonly segment: number;
}

/** Published on `holdfast:wal:segment` when a segment was made, begun or removed. */
export interface LogSegmentEvent {
  readonly prefix: string;
  readonly action: "made" | "begun" | "removed";
  readonly segment: number;
}

/** Published on `holdfast:wal:pack` when objects of these positions were merged into one. */
export interface LogPackEvent {
  readonly prefix: string;
  readonly firstPosition: number;
  readonly lastPosition: number;
}

/** Published on `holdfast:wal:problem` when something failed that harms no promise and is tried again later. */
export interface LogProblemEvent {
  readonly prefix: string;
  readonly what: string;
  readonly error: unknown;
}

/** Published on `holdfast:wal:poisoned` when nothing more is written by a handle: a write failed, or another writer has taken over. */
export interface LogPoisonedEvent {
  readonly prefix: string;
  readonly error: WalError;
}

/** Published on `holdfast:wal:closed`. */
export interface LogClosedEvent {
  readonly prefix: string;
}

const opened = channel("holdfast:wal:opened");
const committed = channel("holdfast:wal:commit");
const segments = channel("holdfast:wal:segment");
const packs = channel("holdfast:wal:pack");
const problems = channel("holdfast:wal:problem");
const poisoned = channel("holdfast:wal:poisoned");
const closed = channel("holdfast:wal:closed");

/** Publishes the event if somebody listens. */
export function announceOpened(event: LogOpenedEvent): void {
  if (opened.hasSubscribers) opened.publish(event);
}

/** Publishes a {@link LogCommitEvent} if somebody listens. @param segment - Number of the segment; on object storage the position. */
export function announceCommit(prefix: string, commit: CommitBuffer, latencyMs: number, segment: number): void {
  if (!committed.hasSubscribers) return;
  const event: LogCommitEvent = {
    prefix,
    firstSeq: commit.firstSeq,
    records: commit.recordCount,
    payloadBytes: commit.payloadBytes,
    latencyMs,
    segment,
  };
  committed.publish(event);
}

/** Publishes a {@link LogSegmentEvent} if somebody listens. */
export function announceSegment(prefix: string, action: LogSegmentEvent["action"], segment: number): void {
  if (!segments.hasSubscribers) return;
  const event: LogSegmentEvent = { prefix, action, segment };
  segments.publish(event);
}

/** Publishes a {@link LogPackEvent} if somebody listens. */
export function announcePack(prefix: string, firstPosition: number, lastPosition: number): void {
  if (!packs.hasSubscribers) return;
  const event: LogPackEvent = { prefix, firstPosition, lastPosition };
  packs.publish(event);
}

/** Publishes a {@link LogProblemEvent} if somebody listens. @param what - What was tried, as a verb: "remove trimmed segments". */
export function announceProblem(prefix: string, what: string, error: unknown): void {
  if (!problems.hasSubscribers) return;
  const event: LogProblemEvent = { prefix, what, error };
  problems.publish(event);
}

/** Publishes a {@link LogPoisonedEvent} if somebody listens. */
export function announcePoisoned(prefix: string, error: WalError): void {
  if (!poisoned.hasSubscribers) return;
  const event: LogPoisonedEvent = { prefix, error };
  poisoned.publish(event);
}

/** Publishes a {@link LogClosedEvent} if somebody listens. */
export function announceClosed(prefix: string): void {
  if (!closed.hasSubscribers) return;
  const event: LogClosedEvent = { prefix };
  closed.publish(event);
}
