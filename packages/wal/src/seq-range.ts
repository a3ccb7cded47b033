/** The first and the last sequence number of a batch. One whose last lies before its first is empty. */
export interface SeqRange {
  readonly first: number;
  readonly last: number;
}
