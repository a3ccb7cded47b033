import { SimDisk, seededAdversary, seededRandom, type SimProcess } from "@holdfast/storage-sim";
import type { StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { Draw } from "../draws.js";
import type { Counts, ModulesUnderTest, Profile } from "../store-history.js";
import { Schedule } from "../wal-objects/schedule.js";
import { inTurns } from "./in-turns.js";

/** Where a log is, or its replica. */
export type Side = "source" | "target";
/** What it is on. */
export type SideKind = "disk" | "objects";

/** A process that uses both sides. */
export interface WorldProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Resolves when the process was killed, with all it was waiting for left undone. */
  readonly died: Promise<"died">;
  isDead(): boolean;
  kill(): void;
  storage(side: Side): Promise<StorageBackend>;
}

/** What makes a {@link ReplicationWorld}. */
export interface WorldParts {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly seed: number;
  readonly kinds: Readonly<Record<Side, SideKind>>;
  /** Called in the moment in which a side loses its power, before anybody is dead. */
  readonly onCut: (side: Side) => void;
}

/** What both sides have been through, as one disk image or bucket each. */
export class ReplicationWorld {
  readonly modules: ModulesUnderTest;
  readonly draw: Draw;
  readonly #parts: WorldParts;
  readonly #schedules: Readonly<Record<Side, Schedule>>;
  readonly #disks: Record<Side, SimDisk>;
  readonly #alive = new Set<WorldProcess>();
  readonly #cuts = new Map<string, number>();
  #randoms = 0;
  #processes = 0;
  #isCalm = false;

  constructor(parts: WorldParts) {
    const { modules, profile, seed } = parts;
    this.#parts = parts;
    this.modules = modules;
    const target = new Schedule({ modules, profile, seed, attempts: 1 });
    const source = new Schedule({ modules, profile, seed: seed + OTHER_SEEDS, attempts: 3, beside: target });
    this.draw = target.draw;
    this.#schedules = { source, target };
    this.#disks = { source: this.#newDisk(1), target: this.#newDisk(2) };
  }

  get clock(): Schedule["clock"] {
    return this.#schedules.target.clock;
  }

  get turns(): Schedule["turns"] {
    return this.#schedules.target.turns;
  }

  /** Nothing disturbs any more. */
  get isCalm(): boolean {
    return this.#isCalm;
  }

  /** Whether bytes have come over wrongly on some side. */
  get isHarmed(): boolean {
    return this.#sides().some((side) => this.#schedules[side].isHarmed);
  }

  get operations(): Counts {
    return this.#summed((side) => (this.#parts.kinds[side] === "objects" ? this.#schedules[side].operations : this.#disks[side].stats.operations));
  }

  get faults(): Counts {
    return this.#summed((side) => (this.#parts.kinds[side] === "objects" ? this.#schedules[side].faults : new Map()));
  }

  /** Power cuts and kills, by side. */
  get cuts(): Counts {
    return this.#cuts;
  }

  get hash(): string {
    const hashOf = (side: Side): string => (this.#parts.kinds[side] === "objects" ? this.#schedules[side].store.hash : this.#disks[side].trace().hash).slice(0, 12);
    return `${hashOf("source")}-${hashOf("target")}`;
  }

  isDisk(side: Side): boolean {
    return this.#parts.kinds[side] === "disk";
  }

  /** Faults end, and what is late arrives. Who was stopped goes on. */
  calm(): void {
    this.#isCalm = true;
    for (const side of this.#sides()) {
      this.#schedules[side].calm();
      this.#schedules[side].store.landLate();
    }
  }

  random(): RandomSource {
    this.#randoms += 1;
    return seededRandom(this.#parts.seed * MOST_RANDOMS + this.#randoms);
  }

  /** @param diesAfter - Requests to some object store; it is killed at the next one. Default: never. */
  process(role: string, { diesAfter = Infinity }: { readonly diesAfter?: number } = {}): WorldProcess {
    this.#processes += 1;
    const name = `${role}-${this.#processes}`;
    const clients = { source: this.#schedules.source.process(name, { diesAfter }), target: this.#schedules.target.process(name, { diesAfter }) };
    const onDisk: Record<Side, SimProcess> = { source: this.#disks.source.process(), target: this.#disks.target.process() };
    const state = { isDead: false };
    let die: (value: "died") => void = () => undefined;
    const died = new Promise<"died">((resolve) => {
      die = resolve;
    });
    const process: WorldProcess = {
      name,
      clock: clients.target.clock,
      random: this.random(),
      died,
      isDead: () => state.isDead,
      kill: () => {
        if (state.isDead) return;
        state.isDead = true;
        this.#alive.delete(process);
        for (const side of this.#sides()) {
          clients[side].kill();
          onDisk[side].kill();
        }
        die("died");
      },
      storage: async (side) => {
        if (!this.isDisk(side)) return clients[side].storage;
        const { clock } = this;
        const storage = await this.modules.storageFs.fsBackend({ root: `/${side}`, port: onDisk[side].port, clock, random: this.random() });
        // The log's own files go on by themselves, since a turn for each of their calls would be many.
        return side === "target" ? inTurns(storage, () => this.turns.turn(name)) : storage;
      },
    };
    this.#alive.add(process);
    const end = (): void => {
      process.kill();
    };
    for (const side of this.#sides()) void clients[side].died.then(end);
    return process;
  }

  /** The power of a disk fails in the middle of the call that is so many calls away, and with it all processes. */
  cutAfter(side: Side, calls: number): void {
    const disk = this.#disks[side];
    let left = calls;
    const end = disk.observe(({ phase }) => {
      if (phase === "done" || this.#disks[side] !== disk) return;
      left -= 1;
      if (left > 0) return;
      end();
      if (!this.#isCalm) this.cut(side, this.draw(4) === 0 ? "process" : "power");
    });
  }

  /** All processes are gone, and what was not flushed may be, too. */
  cut(side: Side, kind: "power" | "process"): void {
    this.#parts.onCut(side);
    const crashed = this.#disks[side].crash({ kind });
    this.#exchange(side, crashed);
    this.#cuts.set(`${kind} ${side}`, (this.#cuts.get(`${kind} ${side}`) ?? 0) + 1);
  }

  /** A copy of a disk as it is, to go back to. */
  image(side: Side): SimDisk {
    return this.#disks[side].crash({ kind: "process" });
  }

  /** A disk is replaced by an older copy. */
  goBackTo(side: Side, image: SimDisk): void {
    this.#exchange(side, image.crash({ kind: "process" }));
  }

  /** Bytes of a file of a disk are not what they were. @param at - Chooses which bit. */
  harm(side: Side, name: string, at: number): void {
    const bytes = this.contents(side).get(name);
    if (bytes === undefined || bytes.length === 0) throw new RangeError(`there is no ${name}`);
    const place = at % bytes.length;
    this.#disks[side].poke(`/${side}/${name}`, place, Uint8Array.of((bytes[place] ?? 0) ^ (1 << at % 8)));
  }

  /** Objects of a bucket, or files of a disk, whatever anybody was told: names and bytes. */
  contents(side: Side): ReadonlyMap<string, Uint8Array> {
    if (this.isDisk(side)) return new Map([...this.#disks[side].files()].map(([path, bytes]) => [path.slice(`/${side}/`.length), bytes]));
    return new Map([...this.#schedules[side].store.objects].map(([name, { bytes }]) => [name, bytes]));
  }

  #exchange(side: Side, disk: SimDisk): void {
    this.#disks[side].stop();
    this.#disks[side] = disk;
    for (const process of [...this.#alive]) process.kill();
  }

  #newDisk(number: number): SimDisk {
    const { profile, seed } = this.#parts;
    return new SimDisk({ profile, adversary: seededAdversary(seed * 4 + number), clock: this.#schedules.target.clock });
  }

  #sides(): readonly Side[] {
    return ["source", "target"];
  }

  #summed(counts: (side: Side) => Counts): Counts {
    const sum = new Map<string, number>();
    for (const side of this.#sides()) for (const [key, count] of counts(side)) sum.set(key, (sum.get(key) ?? 0) + count);
    return sum;
  }
}

/** Seeds of one schedule do not meet those of another one. */
const OTHER_SEEDS = 500_000_000;
const MOST_RANDOMS = 1000;
