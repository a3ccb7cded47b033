import type { PartOfWrite, PendingEffect, SimDisk, Survival } from "@holdfast/storage-sim";

/** What is found on a file system. Paths begin with `/`. */
export interface Tree {
  readonly directories: ReadonlySet<string>;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Whether a simulated disk can show a tree. */
export type Explanation =
  | {
      readonly isPossible: true;
      /** Files of which a cut has not survived, but has zeroed the rest of its block of 4 KiB, which ext4 writes before the cut. */
      readonly cutsZeroedEarly: number;
    }
  | { readonly isPossible: false; readonly reason: string };

/**
 * Looks for what has to survive of everything pending on a simulated disk so that power loss leaves exactly this tree. What the disk may do by
 * its weakest profile is decided by the disk alone: an explanation is a crash of it that shows the tree. Bytes that a file shows where nothing was
 * ever written may be any.
 */
export function explain(disk: SimDisk, seen: Tree): Explanation {
  let explanation = impossible(`no subset of the pending changes of names gives these names: ${describeNames(disk, seen)}`);
  for (const entries of entryChoices(disk, seen)) {
    if (!hasNames(crash(disk, entries), seen)) continue;
    explanation = explainFiles(disk, entries, seen);
    if (explanation.isPossible) break;
  }
  return explanation;
}

function impossible(reason: string): Explanation {
  return { isPossible: false, reason };
}

type Decisions = ReadonlyMap<number, Survival>;
type WriteOf = PendingEffect & { readonly kind: "write" };
type TruncateOf = PendingEffect & { readonly kind: "truncate" };
type EntryOf = PendingEffect & { readonly kind: "entry" };

const SECTOR_BYTES = 512;
/** Of names, as many are tried where they leave it open which file has them. */
const MAX_CHOICES = 256;
/** Of cuts of one file, the newest. */
const MAX_CUTS = 10;
const NONE: PartOfWrite = { sector: () => false, growthBytes: 0 };

function crash(disk: SimDisk, ...decisions: readonly Decisions[]): SimDisk {
  const decided = new Map(decisions.flatMap((it) => [...it]));
  return disk.crash({ kind: "power", survives: ({ id }) => decided.get(id) ?? false });
}

// ------------------------------------------------------------------------------------------------ names

/** The changes of names from the newest on, and how what is seen differs from what is there with all of them. */
function describeNames(disk: SimDisk, seen: Tree): string {
  const effects = disk.pending.filter((it): it is EntryOf => it.kind === "entry").reverse();
  const changes = effects.map(({ names }) => names.map(({ name, given }) => `${given ? "+" : "-"}${name}`).join(""));
  const all = new Set([...disk.files().keys(), ...disk.directories()]);
  const found = new Set([...seen.files.keys(), ...seen.directories]);
  const missing = [...all].filter((path) => !found.has(path));
  const more = [...found].filter((path) => !all.has(path));
  return `not there ${missing.join(" ")}; there ${more.join(" ")}; pending ${changes.join(" ")}`;
}

/** What may have become of the changes of names so that just the names are there that are seen. The newest change of a name decides. */
function* entryChoices(disk: SimDisk, seen: Tree): Generator<Decisions, void, undefined> {
  const effects = disk.pending.filter((it): it is EntryOf => it.kind === "entry").reverse();
  const { durable, isWanted } = namesOf(disk, effects, seen);
  const oldest = new Map(effects.flatMap((effect) => effect.names.map(({ name }) => [name, effect] as const)));
  let choices = 0;
  function* decide(index: number, decided: ReadonlySet<string>, survivals: Decisions): Generator<Decisions, void, undefined> {
    const effect = effects[index];
    if (effect === undefined) {
      choices += 1;
      yield survivals;
      return;
    }
    const open = effect.names.filter(({ name }) => !decided.has(name));
    const names = new Set([...decided, ...open.map(({ name }) => name)]);
    if (open.every(({ name, given }) => isWanted(name) !== !given)) yield* decide(index + 1, names, new Map(survivals).set(effect.id, true));
    const mayBeLost = open.every(({ name }) => oldest.get(name) !== effect || isWanted(name) !== !durable.has(name));
    if (open.length > 0 && mayBeLost && choices < MAX_CHOICES) yield* decide(index + 1, decided, new Map(survivals).set(effect.id, false));
  }
  yield* decide(0, new Set(), new Map());
}

interface Names {
  /** Those that are there without any pending change, wherever their directory is there. */
  readonly durable: ReadonlySet<string>;
  /** Whether a name must be there; `undefined`: its directory is not, so it does not matter. */
  readonly isWanted: (name: string) => boolean | undefined;
}

function namesOf(disk: SimDisk, effects: readonly EntryOf[], seen: Tree): Names {
  const ofDirectories = new Set(disk.directories().map(lastName));
  const surviving = (choose: (names: EntryOf["names"]) => boolean): readonly string[] => {
    const left = crash(disk, new Map(effects.map(({ id, names }) => [id, choose(names)])));
    return [...left.files().keys(), ...left.directories()];
  };
  const pendingDirectories = new Set(effects.flatMap(({ names }) => names.map(({ name }) => name)).filter((name) => ofDirectories.has(name)));
  const durable = surviving((names) => names.every(({ name }) => pendingDirectories.has(name)));
  const given = surviving((names) => names.every((it) => it.given));
  const renamed = surviving((names) => names.some((it) => it.given));
  const directories = new Map([...durable, ...given, ...renamed].map((path) => [lastName(path), path.slice(0, path.lastIndexOf("/"))]));
  const visible = new Set([...seen.files.keys(), ...seen.directories].map(lastName));
  return {
    durable: new Set(durable.map(lastName).filter((name) => !pendingDirectories.has(name))),
    isWanted: (name) => {
      const directory = directories.get(name) ?? "";
      return directory === "" || seen.directories.has(directory) ? visible.has(name) : undefined;
    },
  };
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function hasNames(disk: SimDisk, seen: Tree): boolean {
  const files = disk.files();
  const directories = disk.directories();
  const areFiles = files.size === seen.files.size && [...files.keys()].every((path) => seen.files.has(path));
  return areFiles && directories.length === seen.directories.size && directories.every((path) => seen.directories.has(path));
}

// ------------------------------------------------------------------------------------------------ contents

function explainFiles(disk: SimDisk, entries: Decisions, seen: Tree): Explanation {
  const decided = new Map(entries);
  let cutsZeroedEarly = 0;
  const anything = new Map<string, ReadonlySet<number>>();
  for (const effects of pendingByInode(disk)) {
    const paths = pathsOf(disk, entries, effects);
    const [path] = paths;
    const bytes = path === undefined ? undefined : seen.files.get(path);
    if (path === undefined || bytes === undefined) continue;
    const found = explainFile({ disk, entries, path, effects, bytes });
    if (typeof found === "string") return impossible(`${path}, ${bytes.byteLength} bytes: no subset of its pending effects leaves it (${effects.map(describeEffect).join(", ")}): ${found}`);
    if ([...found.decisions.values()].some((it) => typeof it === "object" && "zeroed" in it)) cutsZeroedEarly += 1;
    for (const [id, survival] of found.decisions) decided.set(id, survival);
    for (const it of paths) anything.set(it, found.free);
  }
  const left = crash(disk, decided).files();
  for (const [path, bytes] of seen.files) {
    const at = firstDifference(left.get(path) ?? new Uint8Array(0), bytes, anything.get(path));
    if (at !== undefined) return impossible(`${path} differs at ${at} of ${bytes.byteLength} bytes (of ${String(left.get(path)?.byteLength)} that are possible)`);
  }
  return { isPossible: true, cutsZeroedEarly };
}

function pendingByInode(disk: SimDisk): readonly (readonly PendingEffect[])[] {
  const byInode = new Map<number, PendingEffect[]>();
  for (const effect of disk.pending) {
    if (effect.kind === "entry") continue;
    const effects = byInode.get(effect.inode);
    if (effects === undefined) byInode.set(effect.inode, [effect]);
    else effects.push(effect);
  }
  return [...byInode.values()];
}

/** The paths of a file: where something changes when its effects survive, all of them or its writes alone. None: it cannot be seen. */
function pathsOf(disk: SimDisk, entries: Decisions, effects: readonly PendingEffect[]): readonly string[] {
  const without = crash(disk, entries).files();
  for (const kept of [effects, effects.filter(({ kind }) => kind === "write")]) {
    const survivals = new Map<number, Survival>(kept.map(({ id }) => [id, true]));
    const files = [...crash(disk, entries, survivals).files()];
    const changed = files.filter(([path, bytes]) => Buffer.compare(bytes, without.get(path) ?? new Uint8Array(0)) !== 0);
    if (changed.length > 0) return changed.map(([path]) => path);
  }
  return [];
}

interface Question {
  readonly disk: SimDisk;
  readonly entries: Decisions;
  readonly path: string;
  readonly effects: readonly PendingEffect[];
  readonly bytes: Uint8Array;
}

interface Answer {
  readonly decisions: Decisions;
  /** Sectors that may be as they are, but that no survival of an effect shows: never written and not zeros. */
  readonly free: ReadonlySet<number>;
}

/** What has survived, or why that cannot be. */
function explainFile(question: Question): Answer | string {
  const truncates = question.effects.filter((it): it is TruncateOf => it.kind === "truncate");
  const reasons: string[] = [];
  for (const kept of subsets(truncates.slice(-MAX_CUTS))) {
    const answer = explainSectors(question, kept);
    if (typeof answer !== "string") return answer;
    reasons.push(answer);
  }
  return reasons.join("; ");
}

/** Which of the cuts are done. */
function* subsets(cuts: readonly TruncateOf[]): Generator<ReadonlySet<TruncateOf>, void, undefined> {
  for (let mask = 2 ** cuts.length - 1; mask >= 0; mask--) yield new Set(cuts.filter((_, index) => (mask & (1 << index)) !== 0));
}

/** With these cuts done: for each sector one write whose survival, alone, shows what is seen there, or none; and whether a cut that is not done has zeroed it. */
function explainSectors(question: Question, done: ReadonlySet<TruncateOf>): Answer | string {
  const { effects, bytes } = question;
  const writes = effects.filter((it): it is WriteOf => it.kind === "write");
  const cuts = (zeroed: (sector: number) => boolean): Decisions => cutDecisions(effects, done, zeroed);
  const views = [false, true].flatMap((isZeroed) => {
    const decided = cuts(() => isZeroed);
    const alone = writes.map((write) => ({ isZeroed, write, shows: shown(question, decided, writes, (it) => (it === write ? { sector: () => true } : NONE)) }));
    return [{ isZeroed, write: undefined, shows: shown(question, decided, writes, () => NONE) }, ...alone];
  });
  const without = shown(question, cuts(() => false), writes, () => NONE);
  if (without.byteLength !== bytes.byteLength) return `at most ${without.byteLength} bytes`;
  const exposing = shown(question, cuts(() => false), writes, () => ({ ...NONE, unwritten: "garbage" }));
  const chosen = new Map<number, WriteOf>();
  const zeroed = new Set<number>();
  const free = new Set<number>();
  for (let sector = 0; sector * SECTOR_BYTES < bytes.byteLength; sector++) {
    const view = views.find(({ shows }) => isSameSector(shows, bytes, sector));
    if (view === undefined) {
      free.add(sector);
      if (isSameSector(without, exposing, sector)) return `sector ${sector} shows ${describeSector(bytes, sector)}`;
      continue;
    }
    if (view.isZeroed) zeroed.add(sector);
    if (view.write !== undefined) chosen.set(sector, view.write);
  }
  const survivals = writes.map((write) => [write.id, grown(write, bytes.byteLength, { sector: (index) => chosen.get(firstSector(write) + index) === write })] as const);
  return { decisions: new Map<number, Survival>([...cutDecisions(effects, done, zeroed.size === 0 ? undefined : (sector) => zeroed.has(sector)), ...survivals]), free };
}

/** @param zeroed - Which sectors of their blocks the cuts have zeroed that are not done. */
function cutDecisions(effects: readonly PendingEffect[], done: ReadonlySet<TruncateOf>, zeroed: ((sector: number) => boolean) | undefined): Decisions {
  const decide = (cut: TruncateOf): Survival => {
    if (done.has(cut) || zeroed === undefined) return done.has(cut);
    const first = Math.floor(cut.sizeBytes / SECTOR_BYTES);
    return { zeroed: (index) => zeroed(first + index) };
  };
  return new Map(effects.filter((it): it is TruncateOf => it.kind === "truncate").map((cut) => [cut.id, decide(cut)]));
}

function describeEffect(effect: PendingEffect): string {
  if (effect.kind === "write") return `${effect.length} bytes at ${effect.offset}, ${effect.growthBytes} longer`;
  return effect.kind === "truncate" ? `cut to ${effect.sizeBytes}` : "names";
}

function describeSector(bytes: Uint8Array, sector: number): string {
  const part = bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
  const zerosFrom = part.length - [...part].reverse().findIndex((byte) => byte !== 0);
  return part.every((byte) => byte === 0) ? "zeros" : `bytes that were never there together, zeros from byte ${zerosFrom} of it on`;
}

type Part = Omit<PartOfWrite, "growthBytes">;

function shown({ disk, entries, path, bytes }: Question, truncates: Decisions, writes: readonly WriteOf[], part: (write: WriteOf) => Part): Uint8Array {
  const survivals = new Map(writes.map((write) => [write.id, grown(write, bytes.byteLength, part(write))]));
  return crash(disk, entries, truncates, survivals).files().get(path) ?? new Uint8Array(0);
}

/** A write makes the file grow up to the size that is seen, and no further. */
function grown(write: WriteOf, size: number, part: Part): Survival {
  const before = write.offset + write.length - write.growthBytes;
  return { ...part, growthBytes: Math.max(0, Math.min(size - before, write.growthBytes)) };
}

function firstSector({ offset }: WriteOf): number {
  return Math.floor(offset / SECTOR_BYTES);
}

function isSameSector(a: Uint8Array, b: Uint8Array, sector: number): boolean {
  const [start, end] = [sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES];
  return Buffer.compare(a.subarray(start, end), b.subarray(start, end)) === 0;
}

function firstDifference(a: Uint8Array, b: Uint8Array, anything: ReadonlySet<number> | undefined): number | undefined {
  const length = Math.max(a.byteLength, b.byteLength);
  for (let at = 0; at < length; at++) {
    if (a[at] !== b[at] && anything?.has(Math.floor(at / SECTOR_BYTES)) !== true) return at;
  }
  return undefined;
}
