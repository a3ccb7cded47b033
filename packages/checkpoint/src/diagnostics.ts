import { channel } from "node:diagnostics_channel";
import type { CheckpointEntry } from "./store-types.js";

/** Published on `holdfast:checkpoint:saved` when a checkpoint is durable. */
export interface CheckpointSavedEvent {
  readonly streamId: string;
  readonly entry: CheckpointEntry;
  /** From the beginning of its writing. */
  readonly durationMs: number;
}

/** Published on `holdfast:checkpoint:claimed` when a stream was taken over. */
export interface CheckpointClaimedEvent {
  readonly streamId: string;
  readonly latestSequence: bigint | undefined;
}

/** Published on `holdfast:checkpoint:unreadable` for each checkpoint that was found so. It is left alone. */
export interface CheckpointUnreadableEvent {
  readonly streamId: string;
  readonly entry: CheckpointEntry;
  readonly error: unknown;
}

/** Published on `holdfast:checkpoint:removed` when newer ones made checkpoints superfluous, or somebody asked for it. */
export interface CheckpointRemovedEvent {
  readonly streamId: string;
  readonly entries: readonly CheckpointEntry[];
}

/** Published on `holdfast:checkpoint:problem` when something failed that is tried again later: a save of a manager, a hint, a removal. */
export interface CheckpointProblemEvent {
  readonly streamId: string;
  readonly operation: string;
  readonly error: unknown;
}

const saved = channel("holdfast:checkpoint:saved");
const claimed = channel("holdfast:checkpoint:claimed");
const unreadable = channel("holdfast:checkpoint:unreadable");
const removed = channel("holdfast:checkpoint:removed");
const problem = channel("holdfast:checkpoint:problem");

/** Publishes on `holdfast:checkpoint:saved`, if anybody listens. */
export function announceSaved(event: CheckpointSavedEvent): void {
  if (saved.hasSubscribers) saved.publish(event);
}

/** Publishes on `holdfast:checkpoint:claimed`, if anybody listens. */
export function announceClaimed(event: CheckpointClaimedEvent): void {
  if (claimed.hasSubscribers) claimed.publish(event);
}

/** Publishes on `holdfast:checkpoint:unreadable`, if anybody listens. */
export function announceUnreadable(event: CheckpointUnreadableEvent): void {
  if (unreadable.hasSubscribers) unreadable.publish(event);
}

/** Publishes on `holdfast:checkpoint:removed`, if anybody listens. */
export function announceRemoved(event: CheckpointRemovedEvent): void {
  if (removed.hasSubscribers) removed.publish(event);
}

/** Publishes on `holdfast:checkpoint:problem`, if anybody listens. */
export function announceProblem(event: CheckpointProblemEvent): void {
  if (problem.hasSubscribers) problem.publish(event);
}
