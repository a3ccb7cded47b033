/** What a store has promised to its users so far. It is changed by one life, and copied when that crashes. */
export interface Ledger<L> {
  /** A copy, as it stands for those who come after the crash. */
  afterCrash(kind: "power" | "process"): L;
}
