import type { ReplicaClient, ReplicaLayoutName, Replicator, ReplicatorRetention } from "@holdfast/replica";
import { pick, type Draw } from "../draws.js";
import type { ModulesUnderTest, Profile } from "../store-history.js";
import { Violation } from "../violation.js";
import { ReplicationLedger, type Branch } from "./replication-ledger.js";
import { ReplicationWorld, type Side, type SideKind, type WorldProcess } from "./replication-world.js";
import { logKind, stateKind, type SourceKind, type SourcePlace } from "./source-kinds.js";

/** What a schedule is like, from its beginning to its end. */
export interface ReplicationConditions {
  readonly sides: Readonly<Record<Side, SideKind>>;
  readonly kind: SourceKind;
  readonly layout: ReplicaLayoutName;
  readonly retention: (ReplicatorRetention & { readonly graceMs: number }) | undefined;
  /** Whether the log is trimmed by itself, snapshots or not. */
  readonly isTrimmed: boolean;
  readonly batchMs: number;
}

/** A replicator that somebody has opened. */
export interface RunningReplicator {
  readonly replicator: Replicator;
  readonly process: WorldProcess;
  readonly branch: Branch;
  readonly logId: string;
  readonly opening: Opening;
}

/** From when to when a replicator was opened; one that was killed meanwhile may do something later. */
export interface Opening {
  readonly place: string;
  readonly began: number;
  ended: number;
}

/** A log, its replicators and their replica, with everything that was promised. */
export class Replication {
  readonly world: ReplicationWorld;
  readonly conditions: ReplicationConditions;
  readonly ledger: ReplicationLedger = new ReplicationLedger("orders-1");
  readonly running: RunningReplicator[] = [];
  /** Where restores were begun and not seen to end, and up to which record at least they had to go. */
  readonly unfinished: { readonly prefix: string; readonly leastSeq: number }[] = [];
  /** Restores whose outcome was compared with what was promised. */
  compared = 0;
  readonly #openings: Opening[] = [];
  #moments = 0;
  #places = 1;
  #violation: Violation | undefined;

  constructor(parts: { readonly modules: ModulesUnderTest; readonly profile: Profile; readonly seed: number }, draw: Draw) {
    this.conditions = drawConditions(draw);
    this.world = new ReplicationWorld({ ...parts, kinds: this.conditions.sides, onCut: () => { this.#beforeCut(); } });
  }

  /** A place for a log, where there is nothing. */
  newPlace(word: string): string {
    this.#places += 1;
    return `${word}-${this.#places}`;
  }

  async client(process: WorldProcess): Promise<ReplicaClient> {
    const { modules } = this.world;
    return modules.replica.replicaClient({ storage: await process.storage("target"), prefix: "backup/orders", layout: this.conditions.layout, clock: this.world.clock });
  }

  async place(process: WorldProcess, prefix: string): Promise<SourcePlace> {
    return { modules: this.world.modules, process, storage: await process.storage("source"), prefix };
  }

  opening(place: string): Opening {
    const opening = { place, began: this.#moment(), ended: Infinity };
    this.#openings.push(opening);
    return opening;
  }

  opened(opening: Opening): void {
    opening.ended = this.#moment();
  }

  /** Whether another replicator of the same log may have taken over from this one. */
  mayBeFenced({ place, began }: Opening): boolean {
    return this.#openings.some((it) => it.place === place && it.began !== began && it.ended > began);
  }

  /** What a replicator says of itself is a promise, too. */
  believe({ replicator, branch, logId }: RunningReplicator): void {
    const { generation, seq, snapshotSeq } = replicator.status();
    if (generation === undefined || seq === undefined) return;
    // Without a register those who begin at the same time begin one each; and what is damaged is not gone on with.
    this.ledger.belongs(generation, logId, this.conditions.layout !== "native" || branch.isTrimmed || this.ledger.hasForked || this.world.isHarmed);
    this.ledger.promise(generation, seq, branch);
    if (snapshotSeq !== undefined && snapshotSeq > seq) throw new Violation("I4", `a snapshot of record ${snapshotSeq} is in the replica, whose WAL ends with ${seq}`);
  }

  believeAll(): void {
    if (this.#violation !== undefined) throw this.#violation;
    for (const running of this.running) if (!running.process.isDead()) this.believe(running);
  }

  /** Whoever is in the call that the power is cut in must not get what is thrown here. */
  #beforeCut(): void {
    try {
      this.believeAll();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation = error;
    }
  }

  #moment(): number {
    this.#moments += 1;
    return this.#moments;
  }
}

function drawConditions(draw: Draw): ReplicationConditions {
  const sides = pick(draw, SIDES);
  const kind = draw(2) === 0 ? logKind : stateKind;
  const retention = draw(2) === 0 ? undefined : { retentionMs: pick(draw, [0, 0, 5000]), keep: 1 + draw(2), graceMs: pick(draw, [0, 2000, 600_000, 600_000]), everyMs: 1000 };
  return { sides, kind, layout: draw(5) === 0 ? "litestream-v0.3" : "native", retention, isTrimmed: draw(3) === 0, batchMs: pick(draw, [10, 10, 1000]) };
}

const SIDES: readonly [Record<Side, SideKind>, ...Record<Side, SideKind>[]] = [
  { source: "disk", target: "objects" },
  { source: "disk", target: "objects" },
  { source: "objects", target: "objects" },
  { source: "disk", target: "disk" },
  { source: "disk", target: "disk" },
];
