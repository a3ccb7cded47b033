import type { StateStore } from "@holdfast/snapshot";
import type { StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { ModulesUnderTest } from "../store-history.js";

/** Names of the events in a state, in their order. */
export type Names = readonly number[];

/** What a state store is opened on. */
export interface SubjectPlace {
  readonly modules: ModulesUnderTest;
  readonly storage: StorageBackend;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Words of the trial's options. */
  readonly words: ReadonlySet<string>;
}

/** A state store whose states tell by which events they came to be. */
export interface StateSubject<S, E> {
  open(place: SubjectPlace): Promise<StateStore<S, E>>;
  /** Of a state. */
  names(state: S): Names;
  /** What is committed, as one unit, so that these names come behind a state, each with a number that says more about it. */
  batch(names: Names, numbers: readonly number[], pending: S): readonly E[];
  /** Where the event of this name stands among all, from 1 on, whose commit was answered with this sequence number. */
  positionOf(name: number, seq: number, shown: Names): number;
  /** Whether a store shows the right sequence number. */
  fits(seq: number, shown: Names): boolean;
  /** An event that the reducer refuses. */
  readonly refused: E;
  /** An event of so many bytes and more. */
  large(name: number, bytes: number): E;
  /** Whether a state is what its events make. @throws Violation */
  check(state: S, modules: ModulesUnderTest): void;
}
