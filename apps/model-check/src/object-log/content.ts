/**
 * What an object in `log/` holds, in one byte. Two objects have the same bytes if and only if their contents are equal: a commit
 * is known by its writer, its record and its sequence number, a claim by its writer and the sequence number that comes next.
 * A commit has one record, and a claim none.
 */

/** There is no object. */
export const NOTHING = 0;

const FIRST_CLAIM = 128;
/** Sequence numbers are 1 to 7, and the records of one writer are numbered 0 to 3. */
const SEQS = 8;
const RECORDS = 4;

/** A commit of `writer` (0 to 2) with its record `record` (0 to 3) under the sequence number `seq` (1 to 7). */
export function commitOf(writer: number, record: number, seq: number): number {
  return 1 + (writer * RECORDS + record) * SEQS + seq;
}

/** A claim of `writer` (0 to 2) that states `nextSeq` (1 to 7). */
export function claimOf(writer: number, nextSeq: number): number {
  return FIRST_CLAIM + writer * SEQS + nextSeq;
}

/** Whether there is a commit. */
export function isCommit(content: number): boolean {
  return content !== NOTHING && content < FIRST_CLAIM;
}

/** Whether there is a claim. */
export function isClaim(content: number): boolean {
  return content >= FIRST_CLAIM;
}

/** Who wrote the commit or claim. */
export function writerOf(content: number): number {
  return isCommit(content) ? Math.floor((content - 1) / (RECORDS * SEQS)) : Math.floor((content - FIRST_CLAIM) / SEQS);
}

/** Which of its writer's records the commit holds. */
export function recordOf(content: number): number {
  return Math.floor((content - 1) / SEQS) % RECORDS;
}

/** The sequence number of the commit's record; of a claim, that of the next record. Every object states it. */
export function seqOf(content: number): number {
  return isCommit(content) ? (content - 1) % SEQS : content % SEQS;
}

/** The sequence number after this object. */
export function nextSeqOf(content: number): number {
  return isCommit(content) ? seqOf(content) + 1 : seqOf(content);
}

/** The content in words, for traces. */
export function describe(content: number): string {
  if (content === NOTHING) return "404";
  const writer = nameOfWriter(writerOf(content));
  return isCommit(content)
    ? `record ${recordOf(content)} of ${writer} with number ${seqOf(content)}`
    : `claim of ${writer}, next number ${seqOf(content)}`;
}

/** A, B or C. */
export function nameOfWriter(writer: number): string {
  return "ABC".charAt(writer);
}
