import type { SnapshotStore } from "@holdfast/snapshot";
import type { StorageBackend } from "@holdfast/storage";
import type { Log, LogReader } from "@holdfast/wal";
import { recordOf, valuesOf } from "../replica/record-values.js";
import type { ModulesUnderTest } from "../store-history.js";
import type { KnownCommit } from "./replication-ledger.js";
import type { WorldProcess } from "./replication-world.js";

/** What is replicated: a log of records, or a state store with its snapshots. */
export interface SourceKind {
  readonly name: "log" | "state";
  open(place: SourcePlace): Promise<OpenSource>;
  /** For a replicator in any process. */
  openReader(place: SourcePlace): Promise<LogReader>;
  snapshots(place: SourcePlace): SnapshotStore | undefined;
  /** Where the log is in its storage. */
  logPrefix(prefix: string): string;
}

/** Where a source is, and who uses it. */
export interface SourcePlace {
  readonly modules: ModulesUnderTest;
  readonly process: WorldProcess;
  readonly storage: StorageBackend;
  readonly prefix: string;
}

/** A record that is to be appended. */
export interface NewRecord {
  readonly value: number;
  readonly size: number;
}

/** A source that somebody writes to. */
export interface OpenSource {
  /** Which other processes in it may replicate. */
  readonly log: Log | undefined;
  readonly nextSeq: number;
  /** One unit. @returns The number of the first. */
  append(records: readonly NewRecord[]): Promise<number>;
  /** Makes a snapshot, which trims the log, or trims it. */
  shorten(seq: number): Promise<void>;
  look(): Promise<{ readonly firstSeq: number; readonly values: readonly number[] }>;
  close(): Promise<void>;
}

/** Records, which nothing but the log keeps. */
export const logKind: SourceKind = {
  name: "log",
  async open({ modules, process, storage, prefix }) {
    const { clock, random } = process;
    const log = await modules.wal.openLog({ storage, prefix, ...LOG, clock, random });
    return {
      log,
      get nextSeq() {
        return log.nextSeq;
      },
      append: async (records) => (await log.appendBatch(records.map(({ value, size }) => recordOf(value, size)))).first,
      shorten: async (seq) => {
        await log.trim(seq);
      },
      look: async () => ({ firstSeq: log.firstSeq, values: await valuesOf(log) }),
      close: () => log.close(),
    };
  },
  openReader: ({ modules, process, storage, prefix }) => modules.wal.openLogReader({ storage, prefix, clock: process.clock }),
  snapshots: () => undefined,
  logPrefix: (prefix) => prefix,
};

interface ValueEvent {
  readonly value: number;
  readonly filling: string;
}

/** A list of values. It has all of them, whatever its log was trimmed to. */
export const stateKind: SourceKind = {
  name: "state",
  async open({ modules, process, storage, prefix }) {
    const { clock, random } = process;
    const store = await modules.snapshot.openStateStore<readonly number[], ValueEvent>({
      storage,
      prefix,
      initial: [],
      apply: (state, { value }) => [...state, value],
      snapshot: { everyBytes: Infinity, keep: 2 },
      log: LOG,
      clock,
      random,
    });
    return {
      log: undefined,
      get nextSeq() {
        return store.seq + 1;
      },
      append: async (records) => (await store.commitBatch(records.map(({ value, size }) => ({ value, filling: "x".repeat(size) })))).first,
      shorten: async () => {
        await store.snapshot();
      },
      look: () => Promise.resolve({ firstSeq: 1, values: store.state }),
      close: () => store.close(),
    };
  },
  openReader: ({ modules, process, storage, prefix }) => modules.wal.openLogReader({ storage, prefix: `${prefix}/log`, clock: process.clock }),
  snapshots: ({ modules, process, storage, prefix }) => modules.snapshot.snapshotStore({ storage, prefix, clock: process.clock, random: process.random }),
  logPrefix: (prefix) => `${prefix}/log`,
};

/** Commits of a log, or of what is left of it. */
export async function commitsOf(log: Pick<LogReader, "readBatches">): Promise<readonly KnownCommit[]> {
  const commits: KnownCommit[] = [];
  for await (const { firstSeq, lastSeq, committedAtMs } of log.readBatches()) commits.push({ firstSeq, lastSeq, committedAtMs });
  return commits;
}

const LOG = { segmentBytes: 16 * 1024, packObjects: 4 };
