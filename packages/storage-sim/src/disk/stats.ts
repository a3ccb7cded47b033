import type { FaultKind, SimOperation } from "../fault-plan.js";

/** What a disk, and all that came out of its crashes, were used for. */
export interface SimStats {
  /** Calls that began, by operation. */
  readonly operations: ReadonlyMap<SimOperation, number>;
  /** Faults that hit, by kind and operation: `"drop dsyncWrite"`. */
  readonly faults: ReadonlyMap<`${FaultKind} ${SimOperation}`, number>;
  readonly crashes: number;
}

/** Counts while the disk is used. */
export class StatsCounter implements SimStats {
  readonly operations: Map<SimOperation, number> = new Map<SimOperation, number>();
  readonly faults: Map<`${FaultKind} ${SimOperation}`, number> = new Map<`${FaultKind} ${SimOperation}`, number>();
  crashes = 0;

  called(operation: SimOperation): void {
    this.operations.set(operation, (this.operations.get(operation) ?? 0) + 1);
  }

  hit(kind: FaultKind, operation: SimOperation): void {
    const key = `${kind} ${operation}` as const;
    this.faults.set(key, (this.faults.get(key) ?? 0) + 1);
  }
}
