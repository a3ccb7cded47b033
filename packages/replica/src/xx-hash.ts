import loadXxHash from "xxhash-wasm";

/** xxHash32 with seed 0. */
export interface XxHash32 {
  /** Of all of it. An unsigned 32-bit integer. */
  readonly of: (bytes: Uint8Array) => number;
  /** Of what comes in pieces. */
  readonly start: () => { update(bytes: Uint8Array): unknown; digest(): number };
}

/** Loads the hash, once per process. */
export function xxHash32(): Promise<XxHash32> {
  loading ??= loadXxHash().then((it) => ({ of: (bytes) => it.h32Raw(bytes, 0), start: () => it.create32(0) }));
  return loading;
}

let loading: Promise<XxHash32> | undefined;
