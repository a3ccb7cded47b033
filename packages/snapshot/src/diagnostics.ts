import { channel } from "node:diagnostics_channel";
import type { SnapshotEntry } from "./snapshot-store.js";

/** Published on `holdfast:snapshot:written` when a snapshot is durable. */
export interface SnapshotWrittenEvent {
  readonly prefix: string;
  readonly snapshot: SnapshotEntry;
  /** From the beginning of its writing. */
  readonly durationMs: number;
}

/** Published on `holdfast:snapshot:unreadable` for each snapshot that was found so. It is left alone. */
export interface SnapshotUnreadableEvent {
  readonly prefix: string;
  readonly snapshot: SnapshotEntry;
  readonly error: unknown;
}

/** Published on `holdfast:snapshot:removed` when newer ones made snapshots superfluous. */
export interface SnapshotRemovedEvent {
  readonly prefix: string;
  readonly snapshots: readonly SnapshotEntry[];
}

/** Published on `holdfast:state:opened`. */
export interface StateOpenedEvent {
  readonly prefix: string;
  readonly seq: number;
  /** Of the snapshot that it began with; 0: none. */
  readonly snapshotSeq: number;
  readonly replayedEvents: number;
  readonly durationMs: number;
}

/** Published on `holdfast:state:problem` when something failed that stops no commit and is tried again later: a snapshot, or its tidying up. */
export interface StateProblemEvent {
  readonly prefix: string;
  readonly operation: string;
  readonly error: unknown;
}

/** Published on `holdfast:state:closed`. */
export interface StateClosedEvent {
  readonly prefix: string;
  readonly seq: number;
}

const written = channel("holdfast:snapshot:written");
const unreadable = channel("holdfast:snapshot:unreadable");
const removed = channel("holdfast:snapshot:removed");
const opened = channel("holdfast:state:opened");
const problem = channel("holdfast:state:problem");
const closed = channel("holdfast:state:closed");

/** Publishes the event if somebody listens. */
export function announceWritten(event: SnapshotWrittenEvent): void {
  if (written.hasSubscribers) written.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceUnreadable(event: SnapshotUnreadableEvent): void {
  if (unreadable.hasSubscribers) unreadable.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceRemoved(event: SnapshotRemovedEvent): void {
  if (removed.hasSubscribers) removed.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceOpened(event: StateOpenedEvent): void {
  if (opened.hasSubscribers) opened.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceProblem(event: StateProblemEvent): void {
  if (problem.hasSubscribers) problem.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceClosed(event: StateClosedEvent): void {
  if (closed.hasSubscribers) closed.publish(event);
}
