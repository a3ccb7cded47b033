import { SourceHistory } from "../replica/source-history.js";
import { Violation } from "../violation.js";

/** One log's life, or what became of it when its disk was exchanged for an older copy, or it was replaced by what was restored of it. */
export interface Branch {
  readonly number: number;
  /** Prefix of its source. */
  readonly place: string;
  readonly history: SourceHistory;
  /** Commits whose times are known, by the number of their last record. */
  readonly commits: Map<number, KnownCommit>;
  /** Somebody may have removed records from its beginning. */
  isTrimmed: boolean;
}

/** A commit as its log, or a restored one, has shown it. */
export interface KnownCommit {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly committedAtMs: number;
}

/** What a restore gave: records from `firstSeq` on. */
export interface RestoredState {
  readonly generation: string;
  readonly firstSeq: number;
  readonly values: readonly number[];
  readonly commits: readonly KnownCommit[];
}

/** What was asked for. */
export interface Wanted {
  readonly seq?: number | undefined;
  readonly timeMs?: number | undefined;
}

interface Promised {
  readonly seq: number;
  /** One of these. */
  readonly values: readonly number[];
}

/** What the users of a log and its replica were promised, over all that became of them. */
export class ReplicationLedger {
  readonly #branches: Branch[] = [];
  /** By generation: the last record that somebody was told is there. */
  readonly #promised = new Map<string, Promised>();
  /** Which log a generation is of. */
  readonly #logs = new Map<string, string>();
  #values = 0;

  constructor(place: string) {
    this.#add(place, new SourceHistory(), new Map());
  }

  /** The one that writers write to. */
  get current(): Branch {
    const current = this.#branches.at(-1);
    if (current === undefined) throw new RangeError("a ledger has a branch");
    return current;
  }

  /** Whether a log was ever exchanged for an older one. */
  get hasForked(): boolean {
    return this.#branches.length > 1;
  }

  /** A value that no other record has. */
  newValue(): number {
    this.#values += 1;
    return this.#values;
  }

  /** What may be gone back to. */
  copyOf({ number, place, history, commits, isTrimmed }: Branch): Branch {
    return { number, place, history: new SourceHistory(history), commits: new Map(commits), isTrimmed };
  }

  /** The source is as it was when this was copied. */
  goBackTo({ place, history, commits, isTrimmed }: Branch): void {
    this.#add(place, new SourceHistory(history), new Map(commits), isTrimmed);
  }

  /** The source is what was restored. */
  replaceBy(place: string, { firstSeq, values, commits }: RestoredState): void {
    const history = new SourceHistory();
    for (const [at, value] of values.entries()) {
      history.offer(firstSeq + at, { value, before: 0 });
      history.acknowledge(firstSeq + at, value);
    }
    this.#add(place, history, new Map(commits.map((commit) => [commit.lastSeq, commit])), firstSeq > 1);
  }

  /**
   * What a replicator writes is of one log, and of a log there is one generation.
   *
   * @param mayBegin - Whether there may be a reason to begin another one.
   */
  belongs(generation: string, logId: string, mayBegin: boolean): void {
    const known = this.#logs.get(generation);
    if (known !== undefined && known !== logId) throw new Violation("I20", `generation ${generation} is of one log, and is gone on with by a replicator of another one`);
    const other = [...this.#logs].find(([name, log]) => log === logId && name !== generation);
    if (other !== undefined && !mayBegin) throw new Violation("I13", `generations ${other[0]} and ${generation} are of the same log, which nobody trimmed or exchanged`);
    this.#logs.set(generation, logId);
  }

  /** Somebody was told that a record, and all before it, is in a generation. */
  promise(generation: string, seq: number, { history, isTrimmed }: Branch): void {
    if (seq <= (this.#promised.get(generation)?.seq ?? 0)) return;
    const values = history.valuesAt(seq);
    // What a log begins behind it need not have had.
    if (values.length === 0 && !(isTrimmed && (seq < history.lastSeq || history.lastSeq === 0))) throw new Violation("I15", `record ${seq} is said to be in the replica, and was never written`);
    this.#promised.set(generation, { seq, values });
  }

  promisedSeq(generation: string): number {
    return this.#promised.get(generation)?.seq ?? 0;
  }

  /** Generations of which something was promised. */
  get generations(): readonly string[] {
    return [...this.#promised.keys()];
  }

  /** What was promised up to now, to be held against what somebody reads from now on. */
  promises(): ReadonlyMap<string, Promised> {
    return new Map(this.#promised);
  }

  /** A commit that its log has shown. */
  sawCommits(branch: Branch, commits: readonly KnownCommit[]): void {
    for (const commit of commits) {
      const known = branch.commits.get(commit.lastSeq);
      if (known !== undefined && known.firstSeq < commit.firstSeq) continue;
      branch.commits.set(commit.lastSeq, commit);
    }
  }

  /**
   * Checks what was restored: the records of one log, commit by commit, that reach what was promised before the restore began.
   *
   * @returns The log's branch.
   */
  restored(restored: RestoredState, wanted: Wanted, promises: ReadonlyMap<string, Promised>): Branch {
    const { generation, firstSeq, values } = restored;
    const branch = this.#branchOf(restored);
    const isWhole = wanted.seq === undefined;
    // Of a log that was exchanged since, nobody shows anything any more.
    if (branch === this.current) branch.history.restored(values, { isHonest: true, isWhole, firstSeq });
    const lastSeq = firstSeq + values.length - 1;
    const promised = promises.get(generation);
    if (wanted.seq !== undefined && lastSeq !== wanted.seq) throw new Violation("I15", `record ${wanted.seq} was asked for, and the restored log ends with ${lastSeq}`);
    if (promised !== undefined && isWhole && wanted.timeMs === undefined && lastSeq < promised.seq) {
      throw new Violation("I15", `record ${promised.seq} was in generation ${generation}, and what is restored from it ends with ${lastSeq}`);
    }
    const value = promised === undefined ? undefined : values[promised.seq - firstSeq];
    if (value !== undefined && promised?.values.includes(value) === false) throw new Violation("I15", `record ${promised.seq} of generation ${generation} was another one when it was promised`);
    this.#checkCommits(branch, restored);
    if (wanted.timeMs !== undefined) checkTime(branch, lastSeq, wanted.timeMs, promised?.seq ?? 0);
    return branch;
  }

  #branchOf({ generation, firstSeq, values }: RestoredState): Branch {
    const branch = this.#branches.findLast(({ history }) => history.fits(firstSeq, values));
    if (branch === undefined) throw new Violation("I15", `generation ${generation} gives records that no log has committed one after the other: ${values.join(" ")}, from ${firstSeq} on`);
    return branch;
  }

  /** Commits are restored as commits, at their times. The last one may have been cut. */
  #checkCommits(branch: Branch, { commits }: RestoredState): void {
    for (const { firstSeq, lastSeq, committedAtMs } of commits) {
      const original = [...branch.commits.values()].find((it) => it.firstSeq <= firstSeq && firstSeq <= it.lastSeq);
      if (original === undefined) continue;
      if (committedAtMs !== original.committedAtMs || lastSeq > original.lastSeq) {
        throw new Violation("I15", `the commit of records ${original.firstSeq} to ${original.lastSeq} at ${original.committedAtMs} is restored as ${firstSeq} to ${lastSeq} at ${committedAtMs}`);
      }
    }
  }

  #add(place: string, history: SourceHistory, commits: Map<number, KnownCommit>, isTrimmed = false): void {
    this.#branches.push({ number: this.#branches.length + 1, place, history, commits, isTrimmed });
  }
}

/** What was restored to a time ends with the last commit at it or before, as far as it is known when which one was made, and that it is there. */
function checkTime({ commits }: Branch, lastSeq: number, timeMs: number, promisedSeq: number): void {
  const last = commits.get(lastSeq);
  if (last !== undefined && last.committedAtMs > timeMs) throw new Violation("I15", `the commit of record ${lastSeq} was made at ${last.committedAtMs}, and is restored to ${timeMs}`);
  const next = [...commits.values()].find(({ firstSeq }) => firstSeq === lastSeq + 1);
  if (next !== undefined && next.lastSeq <= promisedSeq && next.committedAtMs <= timeMs) {
    throw new Violation("I15", `record ${next.firstSeq} was committed at ${next.committedAtMs}, and is not restored to ${timeMs}`);
  }
}
