import type { StorageKey, StoragePrefix } from "@holdfast/storage";

/**
 * Codes of {@link RuntimeFinding}.
 *
 * - `line_damaged`: a line that cannot be read, wholly or in part. `line_torn`: the end of a file, of an append that was interrupted; it is
 *   cut off before the next one. `line_unterminated`: the last line has no line feed yet; it gets one before the next append.
 * - `line_repeated`: a line of an event that is there already. `id_shared`: another event of the same id; both are kept.
 * - `foreign_reference`: an event of a worker of another runtime.
 * - `lines_lost`: a counter proves lines that no file has. `file_missing`: a file that the runtime had is not there.
 * - `event_restored`: the first event, which an interrupted start had not written.
 * - `counter_behind`: a counter was lower than what is there already, and was set right.
 * - `worker_ignored`: a worker whose files cannot be used.
 * - `transcript_wrong_runtime`, `transcript_wrong_worker`: a transcript with entries of others, which cannot be used.
 * - `worker_missing`: events name a worker that has no directory.
 * - `stray_entry`: something that is no directory of a worker.
 * - `more_findings`: there are more of them for this file.
 */
export type RuntimeFindingCode =
  | "line_damaged"
  | "line_torn"
  | "line_unterminated"
  | "line_repeated"
  | "id_shared"
  | "foreign_reference"
  | "lines_lost"
  | "file_missing"
  | "event_restored"
  | "counter_behind"
  | "worker_ignored"
  | "transcript_wrong_runtime"
  | "transcript_wrong_worker"
  | "worker_missing"
  | "stray_entry"
  | "more_findings";

/** Something in the files of a runtime that is not as it should be. */
export interface RuntimeFinding {
  readonly code: RuntimeFindingCode;
  /** For people; where yoi has words for it, in its words. */
  readonly message: string;
  /** The file or directory, from the root of the storage. */
  readonly key: StorageKey | StoragePrefix;
  /** From 1. */
  readonly line?: number | undefined;
  /** Where the line begins, in bytes. */
  readonly offset?: number | undefined;
  readonly workerId?: string | undefined;
}

/** Findings, so many of each file: a file of nothing but damage is no list of its lines. */
export class FindingList {
  readonly #findings: RuntimeFinding[] = [];
  readonly #counts = new Map<RuntimeFinding["key"], number>();

  add(finding: RuntimeFinding): void {
    const count = (this.#counts.get(finding.key) ?? 0) + 1;
    this.#counts.set(finding.key, count);
    if (count <= MAX_FINDINGS_PER_FILE) this.#findings.push(finding);
  }

  /** All of them, and for each file how many there are more. */
  all(): readonly RuntimeFinding[] {
    const more = [...this.#counts].flatMap(([key, count]): RuntimeFinding[] =>
      count > MAX_FINDINGS_PER_FILE ? [{ code: "more_findings", message: `${count - MAX_FINDINGS_PER_FILE} more findings`, key }] : [],
    );
    return [...this.#findings, ...more];
  }
}

/** Words of yoi for data that is damaged. */
export function corruptMessage(operation: string, key: string, message: string): string {
  return `runtime store ${operation} found corrupt data at ${key}: ${message}`;
}

/** Words of yoi for data that is not there. */
export function missingMessage(operation: string, key: string): string {
  return `runtime store ${operation} missing data at ${key}`;
}

const MAX_FINDINGS_PER_FILE = 100;
