/*
 * What a store and the worker that builds its snapshots say to each other. The store asks, one question at a time, and the worker answers each
 * with one answer, so that neither has to keep more than one of them.
 */

/** What the worker is started with. */
export interface ReplayStart {
  /** URL of the module with the definition, and the export's name. */
  readonly module: string;
  readonly name: string;
  /** The store's version. */
  readonly version: number;
}

/** What the store asks of the worker. */
export type ReplayQuestion =
  /** Forget what came so far, and begin with `initial`. */
  | { readonly kind: "initial" }
  /** Forget what came so far; the pieces of a state of this version follow. */
  | { readonly kind: "state"; readonly version: number; readonly seq: number }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  | { readonly kind: "state-end" }
  /** Events from this sequence number on: each a length (4 bytes, little endian) and so many bytes. */
  | { readonly kind: "events"; readonly firstSeq: number; readonly bytes: Uint8Array }
  /** The next piece of the snapshot, please. */
  | { readonly kind: "next" };

/** What the worker answers: `piece` and `end` to `next`, `ok` to everything else, and `failed` to any of them. */
export type ReplayAnswer =
  | { readonly kind: "ok" }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly message: string };

/** Records in one array, as an `events` question has them. */
export function packRecords(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(records.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const record of records) {
    view.setUint32(at, record.length, true);
    packed.set(record, at + 4);
    at += 4 + record.length;
  }
  return packed;
}

/** The inverse of {@link packRecords}; views of its argument. */
export function* unpackRecords(packed: Uint8Array): Generator<Uint8Array, void, undefined> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0; at < packed.length; ) {
    const length = view.getUint32(at, true);
    yield packed.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}
