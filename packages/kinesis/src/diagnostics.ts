import { channel } from "node:diagnostics_channel";
import type { HoldfastError } from "@holdfast/storage";
import type { KinesisRecovery } from "./load.js";
import type { Resumption } from "./resumption.js";

/** Published on `holdfast:kinesis:opened`. */
export interface KinesisOpenedEvent {
  readonly path: string;
  readonly recovery: KinesisRecovery;
  readonly resumption: Resumption;
}

/** Published on `holdfast:kinesis:append` when a state is durable. */
export interface KinesisAppendEvent {
  readonly path: string;
  readonly createdAtMs: bigint;
  /** Bytes of the entry in the log: the whole state. */
  readonly entryBytes: number;
  readonly retainedBytes: bigint;
  readonly retainedRecords: bigint;
}

/** Published on `holdfast:kinesis:snapshot` when a snapshot is durable and the log empty. */
export interface KinesisSnapshotEvent {
  readonly path: string;
  readonly createdAtMs: bigint;
  readonly snapshotBytes: number;
}

/** Published on `holdfast:kinesis:rejected` when a state or a write was over `maxRetainedBytes`. */
export interface KinesisRejectedEvent {
  readonly path: string;
  readonly error: HoldfastError;
}

/** Published on `holdfast:kinesis:problem` when something failed that stops no append and is tried again later: a snapshot. */
export interface KinesisProblemEvent {
  readonly path: string;
  readonly operation: string;
  readonly error: HoldfastError;
}

/** Published on `holdfast:kinesis:poisoned` when a write failed of which nobody knows what it left. */
export interface KinesisPoisonedEvent {
  readonly path: string;
  readonly error: HoldfastError;
}

/** Published on `holdfast:kinesis:closed`. */
export interface KinesisClosedEvent {
  readonly path: string;
}

const opened = channel("holdfast:kinesis:opened");
const append = channel("holdfast:kinesis:append");
const snapshot = channel("holdfast:kinesis:snapshot");
const rejected = channel("holdfast:kinesis:rejected");
const problem = channel("holdfast:kinesis:problem");
const poisoned = channel("holdfast:kinesis:poisoned");
const closed = channel("holdfast:kinesis:closed");

/** Publishes the event if somebody listens. */
export function announceOpened(event: KinesisOpenedEvent): void {
  if (opened.hasSubscribers) opened.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceAppend(event: KinesisAppendEvent): void {
  if (append.hasSubscribers) append.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceSnapshot(event: KinesisSnapshotEvent): void {
  if (snapshot.hasSubscribers) snapshot.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceRejected(event: KinesisRejectedEvent): void {
  if (rejected.hasSubscribers) rejected.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceProblem(event: KinesisProblemEvent): void {
  if (problem.hasSubscribers) problem.publish(event);
}

/** Publishes the event if somebody listens. */
export function announcePoisoned(event: KinesisPoisonedEvent): void {
  if (poisoned.hasSubscribers) poisoned.publish(event);
}

/** Publishes the event if somebody listens. */
export function announceClosed(event: KinesisClosedEvent): void {
  if (closed.hasSubscribers) closed.publish(event);
}
