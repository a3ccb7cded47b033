import { ByteSource } from "./byte-source.js";
import { damageBehind } from "./damage-behind.js";
import { ReplicaError } from "./errors.js";
import {
  BEGIN_BYTES,
  CLAIM_BYTES,
  COMMIT_HEAD_BYTES,
  decodeBegin,
  decodeClaim,
  decodeCommitBody,
  decodeCommitHead,
  type StreamBegin,
  type StreamClaim,
  type StreamCommit,
} from "./format/log-stream.js";
import { formatPos } from "./pos.js";

/** A commit, and where the stream goes on behind it. */
export interface ReadCommit extends StreamCommit {
  readonly endBytes: bigint;
  readonly link: number;
}

/** Reads the stream of one index, checking that everything stands where it belongs. */
export class StreamReader {
  readonly #source: ByteSource;
  readonly #generation: string;
  readonly #index: bigint;
  readonly #startBytes: bigint;

  /** @param startBytes - Bytes of the stream before the first piece. */
  constructor(pieces: AsyncIterable<Uint8Array>, place: { readonly generation: string; readonly index: bigint; readonly startBytes?: bigint }) {
    this.#source = new ByteSource(pieces);
    this.#generation = place.generation;
    this.#index = place.index;
    this.#startBytes = place.startBytes ?? 0n;
  }

  /** Bytes of the stream up to here. */
  get bytes(): bigint {
    return this.#startBytes + BigInt(this.#source.offset);
  }

  async claim(): Promise<StreamClaim> {
    const claim = decodeClaim(await this.#take(CLAIM_BYTES));
    if (claim === undefined) throw await this.#corrupt("its claim is damaged");
    if ("unsupportedVersion" in claim) throw unsupported(claim.unsupportedVersion, this.#position());
    if (claim.generation !== this.#generation || claim.index !== this.#index) throw await this.#corrupt("it is another index, in the place of this one");
    return claim;
  }

  /** `undefined`: the stream ends before it. */
  async begin(): Promise<(StreamBegin & { readonly link: number }) | undefined> {
    if (await this.#source.isAtEnd()) return undefined;
    const begin = decodeBegin(await this.#take(BEGIN_BYTES));
    if (begin === undefined) throw await this.#corrupt("its begin is damaged");
    return begin;
  }

  /** @param link - Of what is before it; `undefined`: not known. @returns `undefined`: the stream ends here. */
  async commit(link: number | undefined, firstSeq: number | undefined): Promise<ReadCommit | undefined> {
    if (await this.#source.isAtEnd()) return undefined;
    const head = decodeCommitHead(await this.#take(COMMIT_HEAD_BYTES));
    if (head === undefined) throw await this.#corrupt("the head of a commit is damaged");
    if (link !== undefined && head.previousLink !== link) throw await this.#corrupt("a commit does not follow the one before it");
    if (firstSeq !== undefined && head.firstSeq !== firstSeq) throw await this.#corrupt(`a commit begins with record ${head.firstSeq} instead of ${firstSeq}`);
    const records = decodeCommitBody(head, await this.#take(head.bodyBytes));
    if (records === undefined) throw await this.#corrupt("the records of a commit are damaged");
    return { firstSeq: head.firstSeq, committedAtMs: head.committedAtMs, records, endBytes: this.bytes, link: head.link };
  }

  /** @throws REPLICA_CORRUPT, if there is something more, or if what was read shows only now that it is damaged. */
  async requireEnd(): Promise<void> {
    if (!(await this.#source.isAtEnd())) throw await this.#corrupt("there is something behind its end");
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async #take(length: number): Promise<Uint8Array> {
    const bytes = await this.#source.take(length);
    if (bytes.length < length) throw await this.#corrupt("it ends in the middle");
    return bytes;
  }

  /** What is wrong with the object that it stands in, if that tells; else that the stream is. */
  async #corrupt(what: string): Promise<ReplicaError> {
    const position = this.#position();
    return (await damageBehind(this.#source)) ?? new ReplicaError("REPLICA_CORRUPT", `the WAL before ${position}: ${what}`, { operation: "read", position });
  }

  #position(): string {
    return formatPos({ generation: this.#generation, index: this.#index, offset: this.bytes });
  }
}

function unsupported(version: number, position: string): ReplicaError {
  const message = `the WAL at ${position} has version ${version} of the format; this is for version 1`;
  return new ReplicaError("REPLICA_UNSUPPORTED_VERSION", message, { operation: "read", position });
}
