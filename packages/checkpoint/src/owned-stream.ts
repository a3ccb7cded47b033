import { createOrAdopt, hasCode, isHoldfastError, type StorageKey } from "@holdfast/storage";
import { createEntry, type ClaimedStream } from "./claim-stream.js";
import { announceProblem, announceSaved } from "./diagnostics.js";
import { isSameContent, type EncodedCheckpoint } from "./encoded-checkpoint.js";
import { CheckpointError } from "./errors.js";
import { decodeEntry, type CommittedCheckpoint } from "./format/entry.js";
import { OBJECT_ID_OFFSET, sealCheckpoint } from "./format/envelope.js";
import { encodeHint } from "./format/hint.js";
import { checkpointKey, entryKey, type CheckpointName } from "./layout.js";
import { entryOf, isUnreadable, readNewest, readStored, withoutParts } from "./read-stored.js";
import { RepeatedTask } from "./repeated-task.js";
import { ReadBack, removeCheckpoints } from "./retention.js";
import { SerialQueue } from "./serial-queue.js";
import type { Checkpoint, LatestCheckpoint, SaveOptions, SaveResult } from "./store-types.js";
import type { StreamContext } from "./stream-context.js";
import { lookAt, type StoredName } from "./stream-names.js";

/**
 * A stream that this process owns. A save is two objects: the checkpoint, and then its entry at the next position, which is what makes it
 * count. Whoever takes the stream over takes that position first.
 */
export class OwnedStream {
  readonly #context: StreamContext;
  readonly #keep: number;
  readonly #ownerId: Uint8Array;
  readonly #queue = new SerialQueue();
  readonly #readBack: ReadBack;
  readonly #tidying: RepeatedTask;
  /** Of the newest entry, which is this owner's. */
  #position: number;
  #term: number;
  #latest: CheckpointName | undefined;
  /** All checkpoints that count, by sequence; `undefined` until that is needed. */
  #index: Map<bigint, StoredName> | undefined;
  /** A save that was interrupted: what is at the next position, or will be, is to be found out. */
  #doubt: { readonly commit: CommittedCheckpoint | undefined } | undefined;
  #isFenced = false;
  #isClosing = false;
  /** What the hint says that was written last. */
  #hinted = 0;
  /** Older ones with the sequence of a newer one. */
  #superseded: readonly StoredName[] = [];
  #useless: readonly StorageKey[] = [];

  constructor(context: StreamContext, { ownerId, position, latest }: ClaimedStream, keep: number) {
    this.#context = context;
    this.#keep = keep;
    this.#ownerId = ownerId;
    this.#position = position;
    this.#term = position;
    this.#latest = latest;
    this.#readBack = new ReadBack(context);
    this.#tidying = new RepeatedTask(() => this.#tidy());
  }

  get latestSequence(): bigint | undefined {
    return this.#latest?.sequence;
  }

  save(encoded: EncodedCheckpoint, { ifExists = "refuse" }: SaveOptions): Promise<SaveResult> {
    return this.#queue.run(() => this.#save(encoded, ifExists));
  }

  async latest(signal: AbortSignal | undefined): Promise<LatestCheckpoint> {
    const latest = this.#latest;
    if (latest === undefined) return { checkpoint: undefined, skipped: [] };
    const found = await readStored(this.#context, latest, signal).catch((error: unknown) => {
      // It is met again below, and reported there.
      if (!isUnreadable(error)) throw error;
      return undefined;
    });
    return found === undefined ? latestOf(this.#context, signal) : { checkpoint: withoutParts(found), skipped: [] };
  }

  async get(sequence: bigint, signal: AbortSignal | undefined): Promise<Checkpoint | undefined> {
    const name = (await this.#settled()).get(sequence);
    const found = name && (await readStored(this.#context, name, signal));
    return found && withoutParts(found);
  }

  /** Ascending. */
  async list(): Promise<readonly StoredName[]> {
    return ascending(await this.#settled());
  }

  deleteBefore(sequence: bigint): Promise<number> {
    return this.#queue.run(async () => {
      if (this.#isFenced) throw this.#fenced("not_applied");
      const index = await this.#loaded();
      const below = [...index.values()].filter((it) => it.sequence < sequence);
      if (below.length === 0) return 0;
      // A claim shows that the stream is still ours, and that hints of before are not the last word.
      this.#doubt ??= { commit: undefined };
      await this.#settle();
      await this.#remove(below, (it) => it.sequence < sequence);
      for (const it of below) index.delete(it.sequence);
      if (this.#latest !== undefined && this.#latest.sequence < sequence) this.#latest = undefined;
      this.#tidying.request();
      return below.length;
    });
  }

  /** Waits for what is in flight, and leaves a hint. */
  async close(): Promise<void> {
    await this.#queue.run(() => Promise.resolve());
    this.#isClosing = true;
    if (this.#hinted !== this.#position && !this.#isFenced) this.#tidying.request();
    await this.#tidying.idle();
  }

  async #save(encoded: EncodedCheckpoint, ifExists: "refuse" | "replace"): Promise<SaveResult> {
    const { sequence } = encoded;
    if (this.#isFenced) throw this.#fenced("not_applied");
    await this.#settle();
    const before = await this.#compare(encoded);
    if (before === "same") {
      await this.#requireOurs();
      return { stored: true, duplicate: true };
    }
    if (before === "other" && ifExists === "refuse") throw this.#conflict(sequence);
    if (before === "none" && (await this.#isBelowKept(sequence))) return { stored: false, duplicate: false };
    const startedAtMs = this.#context.clock.monotonic();
    const name = await this.#write(encoded);
    announceSaved({ streamId: encoded.streamId, entry: entryOf(this.#context.place, name, name.size), durationMs: this.#context.clock.monotonic() - startedAtMs });
    this.#tidying.request();
    return { stored: true, duplicate: false };
  }

  /** What is stored under this sequence. One that cannot be read is as good as none: a newer one takes its place. */
  async #compare(encoded: EncodedCheckpoint): Promise<"none" | "same" | "other" | "unreadable"> {
    if (this.#latest === undefined || encoded.sequence > this.#latest.sequence) return "none";
    const name = (await this.#loaded()).get(encoded.sequence);
    if (name === undefined) return "none";
    try {
      const found = await readStored(this.#context, name, undefined);
      if (found === undefined) return "unreadable";
      return isSameContent(encoded, found.stored) ? "same" : "other";
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return "unreadable";
    }
  }

  /** Whoever takes the stream over takes the next position first. @throws CHECKPOINT_FENCED. */
  async #requireOurs(): Promise<void> {
    const { storage, place } = this.#context;
    if ((await storage.stat(entryKey(place, this.#position + 1))) === undefined) return;
    this.#doubt = { commit: undefined };
    await this.#settle();
  }

  async #isBelowKept(sequence: bigint): Promise<boolean> {
    if (this.#keep === Infinity || this.#latest === undefined || sequence > this.#latest.sequence) return false;
    let above = 0;
    for (const stored of (await this.#loaded()).keys()) if (stored > sequence) above += 1;
    return above >= this.#keep;
  }

  /** The checkpoint, then its entry. */
  async #write({ streamId, sequence, body }: EncodedCheckpoint): Promise<StoredName> {
    const { storage, place, clock, random } = this.#context;
    const position = this.#position + 1;
    const checkpointId = random.bytes(16);
    const bytes = sealCheckpoint(body, { objectId: checkpointId, sequence, position, term: this.#term, createdAtMs: Math.max(0, Math.floor(clock.now())) });
    const name: StoredName = { sequence, position, size: bytes.length };
    const commit: CommittedCheckpoint = { sequence, checkpointId, size: bytes.length };
    try {
      await createOrAdopt(storage, checkpointKey(place, name), bytes, { idOffset: OBJECT_ID_OFFSET });
    } catch (error) {
      const isTaken = hasCode(error, "STORAGE_ALREADY_EXISTS");
      // Where nothing was written the position stays as it was.
      if (isTaken || !isHoldfastError(error) || error.outcome !== "not_applied") this.#doubt = { commit: undefined };
      if (!isTaken) throw error;
      // It was this one, and a later owner has cleaned it away while it was read back. Or else it is tried at the next position.
      await this.#settle();
      return this.#write({ streamId, sequence, body });
    }
    // From here on its position is used up, by this entry or another one.
    this.#doubt = { commit };
    const isOurs = await createEntry(this.#context, { ownerId: this.#ownerId, position, term: this.#term }, commit);
    if (!isOurs) {
      this.#isFenced = true;
      // Its first attempt may have been done although it was not answered, and have been removed since.
      throw this.#fenced("unknown", sequence);
    }
    this.#doubt = undefined;
    this.#committed(name);
    return name;
  }

  /**
   * Finds out what became of an interrupted save: a claim takes its position, or there is what took it before. Another owner's entry there
   * means that the stream was taken over.
   */
  async #settle(): Promise<void> {
    const { storage, place } = this.#context;
    while (this.#doubt !== undefined) {
      const position = this.#position + 1;
      const isClaimed = await createEntry(this.#context, { ownerId: this.#ownerId, position, term: position }, undefined);
      const found = isClaimed ? undefined : await storage.read(entryKey(place, position));
      const entry = found && decodeEntry(found, place.idBytes);
      if (!isClaimed && (entry === undefined || !isSameId(entry.ownerId, this.#ownerId))) {
        this.#isFenced = true;
        throw this.#fenced("unknown");
      }
      this.#doubt = undefined;
      if (entry?.commit !== undefined) this.#committed({ sequence: entry.commit.sequence, position, size: entry.commit.size });
      else this.#term = this.#position = position;
    }
  }

  #committed(name: StoredName): void {
    this.#position = name.position;
    const before = this.#index?.get(name.sequence);
    // One that was in doubt when all were listed may be in the list already.
    if (before !== undefined && before.position !== name.position) this.#superseded = [...this.#superseded, before];
    this.#index?.set(name.sequence, name);
    if (this.#latest === undefined || name.sequence >= this.#latest.sequence) this.#latest = name;
  }

  /** All that count, when what was not kept of them is removed. */
  async #settled(): Promise<ReadonlyMap<bigint, StoredName>> {
    await this.#queue.run(() => Promise.resolve());
    await this.#tidying.idle();
    return this.#queue.run(() => this.#loaded());
  }

  /** Only in the queue, so that nothing is committed while it is listed. */
  async #loaded(): Promise<Map<bigint, StoredName>> {
    if (this.#index !== undefined) return this.#index;
    const { counted, superseded, useless } = await lookAt(this.#context, undefined);
    this.#superseded = superseded;
    this.#useless = useless;
    this.#index = new Map(counted.map((name) => [name.sequence, name]));
    return this.#index;
  }

  /** What need not be waited for: the hint, and removing what is not kept. What fails is told, and done with the next save. */
  async #tidy(): Promise<void> {
    try {
      // Where requests cost nothing a hint now and then will do: what came behind it is listed.
      const isFar = this.#context.storage.appendable === undefined || this.#position - this.#hinted >= POSITIONS_PER_HINT;
      if (isFar || this.#isClosing) await this.#writeHint();
      await this.#retain();
    } catch (error) {
      announceProblem({ streamId: this.#context.place.streamId, operation: "tidy", error });
    }
  }

  async #writeHint(): Promise<void> {
    const { storage, place } = this.#context;
    const position = this.#position;
    await storage.replace(place.hint, encodeHint({ position, latest: this.#latest }, place.idBytes));
    this.#hinted = position;
  }

  async #retain(): Promise<void> {
    // With nothing to remove ever, nothing has to be listed.
    if (this.#keep === Infinity && this.#superseded.length === 0) return;
    const newestFirst = ascending(await this.#queue.run(() => this.#loaded())).reverse();
    const useless = this.#useless;
    if (useless.length > 0) await this.#context.storage.remove(useless);
    this.#useless = this.#useless.slice(useless.length);
    if (newestFirst.length <= this.#keep && this.#superseded.length === 0) return;
    const { isSafe, names } = await this.#readBack.superfluous(newestFirst, this.#keep);
    if (!isSafe) return;
    await this.#remove(names, () => true);
    for (const { sequence, position } of names) if (this.#index?.get(sequence)?.position === position) this.#index.delete(sequence);
  }

  /** Older ones of a sequence go before the one that took their place: else they would be there again if this is cut short. */
  async #remove(names: readonly StoredName[], isOlder: (superseded: StoredName) => boolean): Promise<void> {
    const older = new Set(this.#superseded.filter(isOlder));
    await removeCheckpoints(this.#context, [...older], this.#position);
    this.#superseded = this.#superseded.filter((it) => !older.has(it));
    await removeCheckpoints(this.#context, names, this.#position);
  }

  #conflict(sequence: bigint): CheckpointError {
    const { streamId } = this.#context.place;
    return new CheckpointError("CHECKPOINT_CONFLICT", `another state is stored under sequence ${sequence}`, { operation: "save", streamId, sequence, outcome: "not_applied" });
  }

  #fenced(outcome: "not_applied" | "unknown", sequence?: bigint): CheckpointError {
    const { place } = this.#context;
    const { streamId } = place;
    const key = entryKey(place, this.#position + 1);
    return new CheckpointError("CHECKPOINT_FENCED", "another owner has taken the stream over", { operation: "save", key, streamId, sequence, outcome });
  }
}

/** The latest readable checkpoint of a stream, by listing it. */
export async function latestOf(context: StreamContext, signal: AbortSignal | undefined): Promise<LatestCheckpoint> {
  for (let looks = 1; ; looks += 1) {
    const { counted } = await lookAt(context, signal);
    const found = await readNewest(context, [...counted].reverse(), signal);
    if (found !== undefined) return found;
    // Removed since it was listed, because a newer one is there.
    if (looks === MAX_LOOKS) {
      const { streamId, states } = context.place;
      throw new CheckpointError("CHECKPOINT_CORRUPT", "checkpoints vanish while they are read", { operation: "latest", key: states, streamId, retryable: true });
    }
  }
}

const MAX_LOOKS = 20;
const POSITIONS_PER_HINT = 32;

function ascending(index: ReadonlyMap<bigint, StoredName>): StoredName[] {
  return [...index.values()].sort((one, other) => (one.sequence < other.sequence ? -1 : 1));
}

function isSameId(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
