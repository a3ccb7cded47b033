import type { Attempt, Claim } from "./claims.js";
import type { Finding } from "./log-ledger.js";
import { describeBytes, recordBytes } from "./record-bytes.js";

/** What a reading of a backend found. */
export interface ObjectsReading {
  /** What `list` answered below the objects' prefix. */
  readonly listed: ReadonlyMap<string, number>;
  /** What `read` answers. */
  read(key: string): Promise<Uint8Array | undefined>;
}

/** What the users of a backend, one after the other, have claimed, and what its objects must therefore be. Each key has one user at a time. */
export class ObjectsLedger {
  readonly #findings: Finding[] = [];
  readonly #objects = new Map<string, ObjectState>();
  readonly #files = new Map<string, FileState>();
  /** Files whose removal has begun. */
  readonly #removedFiles = new Set<string>();
  readonly #attempts = new Map<number, Attempt>();

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  take(claim: Claim): void {
    if (claim.is === "begin") this.#begin(claim.token, claim.attempt);
    if (claim.is === "acknowledged") this.#acknowledge(claim.token);
    if (claim.is === "refused") this.#refuse(claim.token, claim.code, claim.outcome);
    if (claim.is === "wrong") this.#findings.push({ kind: "wrong", detail: `${claim.operation}: ${claim.detail}` });
  }

  /**
   * Compares what is read with what was claimed: an object is what the last acknowledged write made of it, or what an attempt behind
   * that would have made of it, whole; a file that grows has everything that was acknowledged. What was read is promised from then on.
   */
  async check(reading: ObjectsReading): Promise<void> {
    const known = new Set([...this.#objects.keys(), ...this.#files.keys()]);
    for (const [key, state] of [...this.#objects]) {
      const bytes = await reading.read(key);
      const found = [...state.possible].find((version) => isVersion(bytes, version));
      if (found === undefined) {
        const kind = bytes === undefined ? "lost" : "altered";
        this.#objects.delete(key); // said once
        this.#find(kind, `${key} ${bytes === undefined ? "is not there" : `holds ${describeBytes(bytes)}`}; possible: ${[...state.possible].map(describeVersion).join(", ")}`);
      } else {
        this.#objects.set(key, { possible: new Set([found]) });
      }
      const size = reading.listed.get(key);
      if (size !== bytes?.byteLength) this.#find("listing", `${key} is listed with ${String(size)} bytes and read with ${String(bytes?.byteLength)}`);
    }
    for (const [key, state] of [...this.#files]) {
      if (!this.#checkFile(key, state, await reading.read(key))) this.#files.delete(key); // said once
    }
    for (const key of reading.listed.keys()) {
      if (!known.has(key)) this.#find("invented", `${key} is listed, and was never made`);
    }
  }

  #begin(token: number, attempt: Attempt): void {
    switch (attempt.what) {
      case "create":
      case "replace":
        this.#possible(attempt.key).add({ token, size: attempt.size });
        break;
      case "remove":
        if (this.#files.has(attempt.key)) this.#removedFiles.add(attempt.key);
        else this.#possible(attempt.key).add(ABSENT);
        break;
      case "extend":
      case "cut":
        if (!this.#files.has(attempt.key)) this.#files.set(attempt.key, { bytes: Buffer.alloc(0), doubtful: [] });
        this.#files.get(attempt.key)?.doubtful.push({ token, attempt });
        break;
      case "append":
      case "trim":
        return; // a log's
    }
    this.#attempts.set(token, attempt);
  }

  #acknowledge(token: number): void {
    const attempt = this.#attempts.get(token);
    this.#attempts.delete(token);
    if (attempt?.what === "create" || attempt?.what === "replace") {
      if (attempt.what === "create" && ![...this.#possible(attempt.key)].includes(ABSENT)) this.#find("created twice", attempt.key);
      this.#objects.set(attempt.key, { possible: new Set([{ token, size: attempt.size }]) });
    } else if (attempt?.what === "remove") {
      this.#files.delete(attempt.key);
      this.#objects.set(attempt.key, { possible: new Set([ABSENT]) });
    } else if (attempt?.what === "extend" || attempt?.what === "cut") {
      const state = this.#files.get(attempt.key);
      if (state === undefined) return;
      if (state.doubtful.some((it) => it.token !== token)) this.#find("poisoned", `write ${token} of ${attempt.key} was acknowledged after one had failed`);
      this.#files.set(attempt.key, { bytes: applied(state.bytes, token, attempt), doubtful: [] });
    }
  }

  #refuse(token: number, code: string, outcome: string | undefined): void {
    const attempt = this.#attempts.get(token);
    if (attempt === undefined) return; // a log's
    this.#attempts.delete(token);
    if (outcome === undefined) this.#find("no outcome", `write ${token} was refused with ${code} and without an outcome`);
    if (outcome !== "not_applied") return;
    if (attempt.what === "create" || attempt.what === "replace") {
      const left = [...this.#possible(attempt.key)].filter((it) => it === ABSENT || it.token !== token);
      this.#objects.set(attempt.key, { possible: new Set(code === "STORAGE_ALREADY_EXISTS" ? left.filter((it) => it !== ABSENT) : left) });
      if (this.#possible(attempt.key).size === 0) this.#find("refused", `${attempt.key} was said to be there and is not`);
    } else if (attempt.what === "extend" || attempt.what === "cut") {
      const state = this.#files.get(attempt.key);
      if (state !== undefined) this.#files.set(attempt.key, { bytes: state.bytes, doubtful: state.doubtful.filter((it) => it.token !== token) });
    }
  }

  #possible(key: string): Set<Version> {
    const known = this.#objects.get(key);
    if (known !== undefined) return known.possible;
    const possible = new Set<Version>([ABSENT]);
    this.#objects.set(key, { possible });
    return possible;
  }

  /**
   * What was acknowledged must be there, unless a cut that was not answered has taken its end; what lies behind is anybody's guess. Answers
   * whether the file is as it may be.
   */
  #checkFile(key: string, { bytes, doubtful }: FileState, found: Uint8Array | undefined): boolean {
    const cuts = doubtful.map(({ attempt }) => (attempt.what === "cut" ? attempt.size : bytes.byteLength));
    const kept = bytes.subarray(0, Math.min(bytes.byteLength, ...cuts));
    if (found === undefined) {
      if (kept.byteLength === 0 || this.#removedFiles.has(key)) return true;
      this.#find("lost", `${key} is not there, ${kept.byteLength} bytes were acknowledged`);
      return false;
    }
    const same = commonLength(kept, found);
    const inFlight = doubtful.map(({ attempt }) => (attempt.what === "extend" ? attempt.at + attempt.size : 0));
    const end = Math.max(bytes.byteLength, ...inFlight);
    const isInvented = found.subarray(end).some((byte) => byte !== 0);
    if (same < kept.byteLength) this.#find("altered", `${key} differs at ${same} of ${kept.byteLength} acknowledged bytes; it has ${found.byteLength}`);
    if (isInvented) this.#find("invented", `${key} holds something behind ${end}, where nothing was written`);
    return same === kept.byteLength && !isInvented;
  }

  #find(kind: string, detail: string): void {
    this.#findings.push({ kind, detail });
  }
}

/** The object is not there, or holds the bytes of a write. */
type Version = typeof ABSENT | { readonly token: number; readonly size: number };

interface ObjectState {
  readonly possible: Set<Version>;
}

type FileAttempt = Attempt & { readonly what: "extend" | "cut" };

interface FileState {
  /** What was acknowledged. */
  readonly bytes: Uint8Array;
  /** Attempts that were not acknowledged and not refused as not applied. */
  readonly doubtful: { readonly token: number; readonly attempt: FileAttempt }[];
}

const ABSENT = "absent";

function isVersion(bytes: Uint8Array | undefined, version: Version): boolean {
  if (version === ABSENT || bytes === undefined) return version === ABSENT && bytes === undefined;
  return Buffer.compare(bytes, recordBytes(version.token, 0, version.size)) === 0;
}

function describeVersion(version: Version): string {
  return version === ABSENT ? ABSENT : `write ${version.token}`;
}

function applied(bytes: Uint8Array, token: number, attempt: FileAttempt): Uint8Array {
  if (attempt.what === "cut") return bytes.subarray(0, attempt.size);
  const result = Buffer.alloc(Math.max(bytes.byteLength, attempt.at + attempt.size));
  result.set(bytes);
  result.set(recordBytes(token, 0, attempt.size), attempt.at);
  return result;
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.byteLength, b.byteLength);
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return at;
  return length;
}
