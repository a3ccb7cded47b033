import type { FaultClass } from "../fault-classes.js";
import type { Ledger } from "../ledger.js";
import { Violation } from "../violation.js";
import { SourceHistory } from "./source-history.js";

/** What a restore gave. */
export interface RestoredRecords {
  readonly generation: string;
  readonly values: readonly number[];
  /** The last record that was asked for; `undefined`: all. */
  readonly wantedSeq: number | undefined;
}

/** What the users of one log and its replica were promised, over all lives. */
export class ReplicaLedger implements Ledger<ReplicaLedger> {
  readonly faults: FaultClass;
  readonly source: SourceHistory;
  /** The last record that is in a generation, as somebody was told. */
  readonly #promised: Map<string, number>;
  /** Where restores were begun and not seen to end, and up to which record they had to go. */
  readonly #restoring: Map<string, number>;
  /** Generations of which an object was harmed or removed. */
  readonly #spoiled: Set<string>;
  /** Generations that retention may have removed. */
  readonly #givenUp: Set<string>;
  #values: number;
  #restores: number;
  #look: () => void = () => undefined;

  constructor(faults: FaultClass, from?: ReplicaLedger) {
    this.faults = faults;
    this.source = new SourceHistory(from?.source);
    this.#promised = new Map(from === undefined ? [] : from.#promised);
    this.#restoring = new Map(from === undefined ? [] : from.#restoring);
    this.#spoiled = new Set(from === undefined ? [] : from.#spoiled);
    this.#givenUp = new Set(from === undefined ? [] : from.#givenUp);
    this.#values = from === undefined ? 0 : from.#values;
    this.#restores = from === undefined ? 0 : from.#restores;
  }

  afterCrash(): ReplicaLedger {
    this.#look();
    return new ReplicaLedger(this.faults, this);
  }

  /** @param look - Notes what replicators say of themselves, which counts up to the moment of a crash. */
  watch(look: () => void): void {
    this.#look = look;
  }

  /** Whether an object of a generation was harmed or removed, or of any. */
  isSpoiled(generation?: string): boolean {
    return generation === undefined ? this.#spoiled.size > 0 : this.#spoiled.has(generation);
  }

  spoil(generation: string): void {
    this.#spoiled.add(generation);
  }

  /** The generation of which most was promised; of several the one that was begun last. */
  get promisedGeneration(): string | undefined {
    let most: { readonly generation: string; readonly seq: number } | undefined;
    for (const [generation, seq] of this.#promised) if (seq >= (most?.seq ?? 0)) most = { generation, seq };
    return most?.generation;
  }

  /** From now on retention may have removed a generation: nothing is promised of it any more. */
  giveUp(generation: string): void {
    this.#givenUp.add(generation);
    this.#promised.delete(generation);
  }

  /** The last record that is in a generation, or in any. */
  promisedSeq(generation?: string): number {
    return generation === undefined ? Math.max(0, ...this.#promised.values()) : (this.#promised.get(generation) ?? 0);
  }

  /** A value that no other record has. */
  newValue(): number {
    this.#values += 1;
    return this.#values;
  }

  /** Somebody was told that a record is in the replica. */
  promise(generation: string, seq: number): void {
    if (this.#givenUp.has(generation)) return;
    this.#promised.set(generation, Math.max(seq, this.#promised.get(generation) ?? 0));
  }

  /**
   * A place to restore to. Until it is {@link restoreEnded} there may be a part of a log.
   *
   * @param leastSeq - Up to this record at least.
   */
  newRestore(leastSeq: number): string {
    this.#restores += 1;
    const place = `restored-${this.#restores}`;
    this.#restoring.set(place, leastSeq);
    return place;
  }

  restoreEnded(place: string): void {
    this.#restoring.delete(place);
  }

  get unfinished(): readonly string[] {
    return [...this.#restoring.keys()];
  }

  /** A log was opened where a restore was interrupted: then it is complete. */
  foundRestored(place: string, values: readonly number[]): void {
    const isHonest = this.faults === "honest";
    const leastSeq = this.#restoring.get(place) ?? 0;
    this.source.restored(values, { isHonest, isWhole: false });
    if (isHonest && values.length < leastSeq) throw new Violation("I15", `an interrupted restore can be opened: ${values.length} records are there, and ${leastSeq} were to be restored`);
  }

  restored({ generation, values, wantedSeq }: RestoredRecords): void {
    const isHonest = this.faults === "honest";
    this.source.restored(values, { isHonest, isWhole: wantedSeq === undefined });
    if (wantedSeq !== undefined && values.length !== wantedSeq) throw new Violation("I15", `record ${wantedSeq} was asked for, and the restored log ends with ${values.length}`);
    const promised = this.promisedSeq(generation);
    if (isHonest && wantedSeq === undefined && values.length < promised) {
      throw new Violation("I15", `record ${promised} was in the replica, and the restored log ends with ${values.length}`);
    }
  }
}
