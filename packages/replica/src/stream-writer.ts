import { hasCode, type CallOptions } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { commitBytes, encodeBegin, encodeClaim, writeCommit, type StreamClaim, type StreamCommit } from "./format/log-stream.js";
import { formatPos, type Pos } from "./pos.js";
import type { ReplicaClient } from "./replica-client.js";
import { SegmentBuffer } from "./segment-buffer.js";
import type { StreamEnd } from "./stream-end.js";

/** What is written next: bytes at a place, the first of what is gathered, and what is true when they are there. */
interface Unsent {
  readonly pos: Pos;
  readonly bytes: Uint8Array;
  readonly nextSeq: number;
}

/**
 * Writes the WAL of a generation. Whoever writes owns an index, by having made its first segment; who comes later takes the next one
 * and says how much of this one counts. So no two ever write one name, and what the earlier one writes after that is not part of the
 * generation. It finds out by looking for the next index behind each write, before it tells anybody that the write is done.
 */
export class StreamWriter {
  readonly #client: ReplicaClient;
  readonly #claim: Omit<StreamClaim, "index">;
  readonly #indexBytes: number;
  #index: bigint;
  #offset: bigint;
  #link: number;
  /** Of the next record that is gathered. */
  #gatheredSeq: number;
  /** What is not in the replica yet. */
  readonly #gathered = new SegmentBuffer();
  #unsent: Unsent | undefined;
  #nextSeq: number;
  /** Indexes without a snapshot, ascending, and where they begin. */
  #free: { readonly index: bigint; readonly firstSeq: number }[];
  /** Whether the index has more than its claim. */
  #hasBegun = false;
  /** Segments written. */
  puts = 0;
  /** Bytes in them, unpacked. */
  putBytes = 0;

  /**
   * @param claimed - The index that was claimed, and bytes of it that are there: those of its claim.
   * @param end - Where the WAL before it ends; `undefined`: the generation begins.
   * @param hasSnapshot - Whether the index that was claimed has a snapshot.
   */
  constructor(options: {
    readonly client: ReplicaClient;
    readonly claim: Omit<StreamClaim, "index">;
    readonly claimed: { readonly index: bigint; readonly bytes: number };
    readonly end: StreamEnd | undefined;
    readonly firstSeq: number;
    readonly hasSnapshot: boolean;
    readonly indexBytes: number;
  }) {
    const { client, claim, claimed, end, firstSeq, hasSnapshot, indexBytes } = options;
    this.#client = client;
    this.#claim = claim;
    this.#indexBytes = indexBytes;
    this.#index = claimed.index;
    this.#offset = BigInt(claimed.bytes);
    this.#gatheredSeq = firstSeq;
    this.#nextSeq = firstSeq;
    this.#free = hasSnapshot ? [] : [{ index: claimed.index, firstSeq }];
    const begin = encodeBegin({ after: end, firstSeq });
    this.#link = begin.link;
    this.#gather(begin.bytes);
  }

  get generation(): string {
    return this.#claim.generation;
  }

  /** Where the next segment goes. */
  get pos(): Pos {
    return { generation: this.generation, index: this.#index, offset: this.#offset };
  }

  /** Records below this sequence number are in the replica. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Bytes that were gathered and are not in the replica yet. */
  get pendingBytes(): number {
    return this.#gathered.length;
  }

  /** The sequence number that the next commit has to begin with. */
  get gatheredSeq(): number {
    return this.#gatheredSeq;
  }

  /** Whether there are records to be sent. A begin alone is not worth an object. */
  hasRecords(): boolean {
    return this.#gatheredSeq > this.#nextSeq;
  }

  /** Takes a commit into what is sent next. */
  add(commit: StreamCommit): void {
    this.#link = this.#gathered.add(commitBytes(commit.records), (target, at) => writeCommit(commit, this.#link, target, at));
    this.#gatheredSeq = commit.firstSeq + commit.records.length;
  }

  /**
   * Sends what was gathered, as one segment. After a failure the same bytes are sent again.
   *
   * @throws REPLICA_FENCED: somebody else has taken over. What the storage says.
   */
  async send(options: CallOptions): Promise<void> {
    this.#unsent ??= this.#seal();
    const { pos, bytes, nextSeq } = this.#unsent;
    const { outcome, rawSize } = await this.#write(pos, bytes, options);
    if (outcome === "adopted" || rawSize !== bytes.length) throw fenced(pos);
    await this.#requireOwned(options);
    this.#unsent = undefined;
    this.#gathered.drop(bytes.length);
    this.#offset = pos.offset + BigInt(bytes.length);
    this.#nextSeq = nextSeq;
    this.#hasBegun = true;
    this.puts += 1;
    this.putBytes += bytes.length;
    // What was gathered meanwhile, after a failure, goes on in this index.
    if (this.#offset >= BigInt(this.#indexBytes) && !this.hasRecords()) this.#startIndex();
  }

  /** Nothing is coming at the moment: holds no memory for it. */
  rest(): void {
    this.#gathered.shrink();
  }

  /**
   * The index at which a snapshot of `seq` may stand: the newest one that has none and begins with `seq + 1` or before. If there is none
   * a new index is begun, for this snapshot if nothing came behind it, else for the next one.
   *
   * @param seq - Below `nextSeq`: a snapshot comes behind the WAL that it is made of.
   * @returns `undefined`: there is no place for it.
   */
  snapshotIndex(seq: number): bigint | undefined {
    const place = (): bigint | undefined => this.#free.findLast(({ firstSeq }) => firstSeq <= seq + 1)?.index;
    if (place() === undefined && this.#hasBegun && !this.hasRecords() && this.#free.at(-1)?.index !== this.#index) this.#startIndex();
    return place();
  }

  /** This index has a snapshot now; those before it need none any more. Where more came behind the snapshot, the next one gets an index, too. */
  tookSnapshot(index: bigint): void {
    this.#free = this.#free.filter((free) => free.index > index);
    if (this.#free.length === 0 && this.#hasBegun && !this.hasRecords()) this.#startIndex();
  }

  /** The next index begins with the next segment: claim, begin and records in one. */
  #startIndex(): void {
    const end = { index: this.#index, bytes: this.#offset, link: this.#link };
    const begin = encodeBegin({ after: end, firstSeq: this.#nextSeq });
    this.#index += 1n;
    this.#offset = 0n;
    this.#link = begin.link;
    this.#hasBegun = false;
    this.#free.push({ index: this.#index, firstSeq: this.#nextSeq });
    this.#gather(encodeClaim({ ...this.#claim, index: this.#index }));
    this.#gather(begin.bytes);
  }

  #gather(bytes: Uint8Array): void {
    this.#gathered.add(bytes.length, (target, at) => {
      target.set(bytes, at);
    });
  }

  #seal(): Unsent {
    return { pos: this.pos, bytes: this.#gathered.first(this.#gathered.length), nextSeq: this.#gatheredSeq };
  }

  async #write(pos: Pos, bytes: Uint8Array, options: CallOptions): ReturnType<ReplicaClient["writeWalSegment"]> {
    try {
      return await this.#client.writeWalSegment(pos, bytes, options);
    } catch (error) {
      throw hasCode(error, "REPLICA_CONFLICT") ? fenced(pos, error) : error;
    }
  }

  /** Nobody has claimed the next index. Whoever claims it later finds what was just written. */
  async #requireOwned(options: CallOptions): Promise<void> {
    const pos = { generation: this.generation, index: this.#index + 1n, offset: 0n };
    try {
      // Never started, and so nothing is held.
      await this.#client.walSegmentReader(pos, options);
    } catch (error) {
      if (hasCode(error, "REPLICA_NOT_FOUND")) return;
      throw error;
    }
    throw fenced(pos);
  }
}

function fenced(pos: Pos, cause?: unknown): ReplicaError {
  const position = formatPos(pos);
  return new ReplicaError("REPLICA_FENCED", `another replicator has written ${position}, and has taken the generation over`, { operation: "replicate", position, cause });
}
