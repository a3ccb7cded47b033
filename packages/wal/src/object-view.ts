import type { Clock } from "@holdfast/storage/ports";
import type { CommitCursor, CommitRange } from "./device.js";
import { isSameId, seqAfter, type ObjectHeader } from "./format/object.js";
import type { LogObjects } from "./log-objects.js";
import { corruptObject, soundObject } from "./object-check.js";
import { listLog, readNewest, readOrigin, readParent, type LogOrigin } from "./object-end.js";
import type { ObjectHistory } from "./object-history.js";
import { logKey } from "./object-layout.js";
import { readObjects } from "./object-reader.js";
import { PositionIndex } from "./position-index.js";
import type { RemoteLog } from "./remote-log.js";
import type { LogParent } from "./types.js";

/**
 * A log on object storage that somebody else writes. The end is what the newest object says, and a listing alone shows which one
 * that is. A commit below `log/` is always the log's own. A claim may lie where a commit was removed: it is believed only if a
 * listing after it was read shows nothing behind it, since the newest object is never removed.
 */
export class ObjectView implements RemoteLog, ObjectHistory {
  readonly objects: LogObjects;
  readonly index: PositionIndex = new PositionIndex();
  readonly #clock: Clock;
  #origin: LogOrigin | undefined;
  /** The newest object that is known, 0 as long as there is no log. */
  #position = 0;
  #nextSeq = 1;
  /** The newest object, if it was read whole. */
  #held: { readonly position: number; readonly bytes: Uint8Array } | undefined;
  #listedAtMs = 0;
  /** Looks since the last listing. */
  #looks = 0;
  #looking: Promise<void> | undefined;

  constructor(objects: LogObjects, clock: Clock) {
    this.objects = objects;
    this.#clock = clock;
  }

  logId(): string | undefined {
    return this.#origin === undefined ? undefined : Buffer.from(this.#origin.logId).toString("hex");
  }

  async parent(signal: AbortSignal | undefined): Promise<LogParent | undefined> {
    return this.#origin === undefined ? undefined : readParent(this.objects, this.#origin, signal);
  }

  firstSeq(): number {
    return this.#origin?.firstSeq ?? 1;
  }

  lastSeq(): number {
    return this.#nextSeq - 1;
  }

  async refresh(): Promise<void> {
    // A look that is under way may have passed by what was acknowledged since it began. How it ends concerns those who asked for it.
    await this.#looking?.catch(() => undefined);
    await this.#look(async () => {
      if (this.#origin === undefined) await this.#begin();
      else await this.refreshOrigin();
      if (this.#origin !== undefined) await this.#reachEnd();
    });
  }

  /**
   * Asks for the next object instead of listing, which costs a twelfth. That it is there is news; that it is not says nothing,
   * since it may be packed already, so every tenth look, and one every few seconds, is a listing.
   */
  poll(): Promise<void> {
    const isListingDue = this.#looks + 1 >= LOOKS_PER_LISTING || this.#clock.monotonic() - this.#listedAtMs >= LISTING_DUE_MS;
    if (this.#origin === undefined || isListingDue) return this.refresh();
    return this.#look(() => this.#tryNext());
  }

  commits(range: CommitRange): CommitCursor {
    return readObjects(this, range);
  }

  // ------------------------------------------------------------------------------------------------ what cursors ask

  origin(): LogOrigin {
    return this.#origin ?? NO_ORIGIN;
  }

  newest(): number {
    return this.#position;
  }

  held(position: number): Uint8Array | undefined {
    return this.#held?.position === position ? this.#held.bytes : undefined;
  }

  async refreshOrigin(): Promise<void> {
    const floor = (await this.objects.listFloors(undefined)).at(-1) ?? 0;
    const known = this.#origin;
    if (known !== undefined && floor <= known.floor) return;
    this.#origin = await readOrigin(this.objects, floor, undefined);
  }

  // ------------------------------------------------------------------------------------------------ inside

  /** Those who wait for a look are answered together. */
  #look(action: () => Promise<void>): Promise<void> {
    this.#looking ??= action().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #begin(): Promise<void> {
    const { newest, floor, packedThrough } = await listLog(this.objects, undefined);
    if (newest === undefined) return;
    this.#origin = await readOrigin(this.objects, floor, undefined);
    // Packs and floors end below the newest object, so the listing behind them finds it.
    this.#position = packedThrough;
    this.#nextSeq = this.#origin.firstSeq;
  }

  async #reachEnd(): Promise<void> {
    for (;;) {
      this.#listedAtMs = this.#clock.monotonic();
      this.#looks = 0;
      let newest: number | undefined;
      for await (const { position } of this.objects.list(this.#position, undefined)) newest = position;
      if (newest === undefined) return;
      const header = await readNewest(this.objects, newest, undefined);
      // Gone, or a claim that is not the newest object any more: list again.
      if (header === undefined || (header.recordCount === 0 && (await this.objects.hasAfter(newest, undefined)))) continue;
      this.#reach(header);
      return;
    }
  }

  async #tryNext(): Promise<void> {
    this.#looks++;
    const position = this.#position + 1;
    const key = logKey(this.objects.prefix, position);
    const bytes = await this.objects.read(key, undefined);
    if (bytes === undefined) return;
    const header = soundObject({ first: position, last: position, isPack: false, key, bytes }, bytes, this.origin().logId);
    if (typeof header !== "string" && header.recordCount > 0) {
      this.#held = { position, bytes };
      this.#reach(header);
    } else {
      // A claim, or what cannot be read: the listing decides.
      this.#looks = LOOKS_PER_LISTING;
    }
  }

  #reach(header: ObjectHeader): void {
    const position = header.lastPosition;
    if (!isSameId(header.logId, this.origin().logId)) throw corruptObject(logKey(this.objects.prefix, position), position, "it is an object of another log");
    this.#position = position;
    this.#nextSeq = seqAfter(header);
    if (header.recordCount > 0) this.index.add({ firstSeq: this.#nextSeq, position: position + 1 });
  }
}

const NO_ORIGIN: LogOrigin = { floor: 0, firstSeq: 1, logId: new Uint8Array(16) };
const LOOKS_PER_LISTING = 10;
const LISTING_DUE_MS = 5000;
