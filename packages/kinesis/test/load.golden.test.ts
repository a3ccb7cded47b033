import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeKinesisEntry, decodeKinesisState, loadKinesisState, type KinesisLoad } from "../src/index.js";
import { filesOf, storageOf } from "./support/directories.js";
import { place, textOf, vector, vectors, type Vector } from "./support/vectors.js";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "holdfast-kinesis-"));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

/** Loads a copy of the case's directory, in which nothing may change. */
async function load(it: Vector, mode: "strict" | "recover"): Promise<KinesisLoad> {
  const root = join(home, "state");
  place(it, root);
  const before = filesOf(root);
  const storage = await fsBackend({ root });
  try {
    return await loadKinesisState({ storage, mode });
  } finally {
    await storage.close();
    expect(filesOf(root)).toEqual(before);
  }
}

const times = ({ entries }: KinesisLoad): readonly string[] => entries.map(({ createdAtMs }) => createdAtMs.toString());

describe.each(["strict", "recover"] as const)("%s: as the original", (mode) => {
  it.each(vectors.filter(({ sameAsOriginal, original }) => sameAsOriginal && original.status !== "error"))("$name", async (it) => {
    const { original } = it;
    const loaded = await load(it, mode);
    expect(loaded.recovery).toMatchObject({ torn: undefined, unplaced: undefined, damage: [] });
    if (original.status === "none") {
      expect(loaded).toMatchObject({ state: undefined, entries: [], recovery: { source: "none" } });
      return;
    }
    expect(times(loaded)).toEqual(original.entry_created_at_ms);
    expect(loaded.snapshot?.createdAtMs ?? 0n).toBe(BigInt(original.snapshot_created_at_ms ?? ""));
    expect(loaded.state?.createdAtMs).toBe(BigInt(original.replayed_created_at_ms ?? ""));
    if (original.replayed !== undefined) expect(loaded.state).toEqual(decodeKinesisState(Buffer.from(textOf(original.replayed))));
    const wal = it.files.get("wal.log") ?? new Uint8Array();
    for (const { offset, bytes, createdAtMs } of loaded.entries) expect(decodeKinesisEntry(wal.subarray(offset + 8, offset + 8 + bytes)).createdAtMs).toBe(createdAtMs);
  });
});

const T = 1_712_900_000_000n;

interface Correct {
  /** Of the entries; in strict mode of those before the damage, which are not answered then. */
  readonly entries: readonly bigint[];
  readonly state: bigint | undefined;
  readonly torn?: { readonly validBytes: number; readonly discardedBytes: number } | undefined;
  /** What strict loading throws. */
  readonly error?: { readonly code: string; readonly key: string; readonly frame?: number; readonly offset: number } | undefined;
  readonly unplaced?: object;
}

const corrupt = (frame: number, offset: number): Correct["error"] => ({ code: "WAL_CORRUPT", key: "wal.log", frame, offset });
const foreign = { code: "WAL_NOT_A_LOG", key: "wal.log", frame: 0, offset: 0 };
const torn = (validBytes: number, discardedBytes: number): Correct["torn"] => ({ validBytes, discardedBytes });
const badFrame: Correct = { entries: [T], state: T, error: corrupt(1, 226) };

/** What a correct reader answers where the original does otherwise, from expected.json, whose words are for people. */
const correct: Readonly<Record<string, Correct>> = {
  "bad-magic-crlf": { entries: [T], state: T, error: foreign },
  "bad-magic-v1": { entries: [T], state: T, error: foreign },
  "bad-magic-zeros": { entries: [], state: undefined, error: foreign },
  "bad-magic-legacy-7-bytes": { entries: [], state: undefined, torn: torn(0, 7) },
  "truncated-in-magic": { entries: [], state: undefined, torn: torn(0, 3) },
  "truncated-in-first-len": { entries: [], state: undefined, torn: torn(8, 5) },
  "truncated-in-first-body": { entries: [], state: undefined, torn: torn(8, 28) },
  "truncated-last-minus-1": { entries: [T + 1n, T + 2n], state: T + 2n, torn: torn(1376, 683) },
  "bit-flip-in-string": { entries: [T + 1n, T + 2n, T + 3n], state: T + 3n }, // Nothing in the format tells it.
  "crash-between-renames": {
    entries: [T, T + 1n, T + 2n],
    state: T + 50n,
    unplaced: { entries: 3, snapshotCreatedAtMs: T + 50n, lastEntryCreatedAtMs: T + 2n },
  },
  "double-header": { entries: [T, T], state: T, error: corrupt(1, 226) },
  "frame-len-8gib": { entries: [T], state: T, torn: torn(226, 10) },
  "frame-len-2-40": { entries: [T], state: T, torn: torn(226, 10) },
  "frame-len-u64-max": { entries: [T], state: T, torn: torn(226, 10) },
  "frame-len-one-too-big": { entries: [T], state: T, torn: torn(226, 40) },
  "frame-byte-out-of-range": badFrame,
  "frame-duplicate-field": badFrame,
  "frame-invalid-utf8": badFrame,
  "frame-lone-surrogate": badFrame,
  "frame-malformed-3-bytes": badFrame,
  "frame-missing-field": badFrame,
  "frame-negative-number": badFrame,
  "frame-trailing-garbage": badFrame,
  "frame-u64-overflow": badFrame,
  "frame-unknown-variant": badFrame,
  "frame-malformed-mid-file": { ...badFrame, entries: [T, T + 5n], state: T + 5n },
  "frame-zero-length": { ...badFrame, entries: [T, T + 5n], state: T + 5n },
  "snapshot-empty": { entries: [T + 1n], state: T + 1n, error: { code: "KINESIS_SNAPSHOT_CORRUPT", key: "snapshot.bin", offset: 0 } },
  "snapshot-trailing": { entries: [T + 1n], state: T + 1n, error: { code: "KINESIS_SNAPSHOT_CORRUPT", key: "snapshot.bin", offset: 656 } },
  "snapshot-truncated": { entries: [T + 1n], state: T + 1n, error: { code: "KINESIS_SNAPSHOT_CORRUPT", key: "snapshot.bin", offset: 328 } },
  "torn-then-append-body-long": { entries: [T + 1n, T + 2n, T + 100n, T + 200n], state: T + 200n, error: corrupt(2, 1376) },
  "torn-then-append-body-short": { entries: [T + 1n, T + 2n, T + 100n, T + 200n], state: T + 200n, error: corrupt(2, 1376) },
  "torn-then-append-len-field": { entries: [T + 1n, T + 2n, T + 100n, T + 200n], state: T + 200n, error: corrupt(2, 1376) },
  "torn-then-append-magic": { entries: [T + 100n, T + 200n], state: T + 200n, error: corrupt(0, 0) },
  "truncate-every-byte": { entries: [1n, 2n], state: 2n },
  "zero-filled-tail": { entries: [T + 1n, T + 2n, T + 3n], state: T + 3n, torn: torn(2060, 64) },
};

describe("better than the original", () => {
  const cases = Object.entries(correct).map(([name, it]) => ({ name, it }));

  it("where it is not to be as the original, and nowhere else", () => {
    const others = vectors.filter(({ sameAsOriginal, original }) => !sameAsOriginal || original.status === "error").map(({ name }) => name);
    expect([...Object.keys(correct), "wal-is-directory"].sort()).toEqual(others.sort());
  });

  it.each(cases)("strict: $name", async ({ name, it }) => {
    if (it.error !== undefined) {
      await expect(load(vector(name), "strict")).rejects.toMatchObject(it.error);
      return;
    }
    await expectCorrect(name, "strict", it);
  });

  it.each(cases)("recover: $name", async ({ name, it }) => {
    const { recovery } = await expectCorrect(name, "recover", it);
    expect(recovery.damage).toEqual(it.error === undefined ? [] : [expect.objectContaining(it.error)]);
  });

  async function expectCorrect(name: string, mode: "strict" | "recover", it: Correct): Promise<KinesisLoad> {
    const loaded = await load(vector(name), mode);
    expect(loaded.entries.map(({ createdAtMs }) => createdAtMs)).toEqual(it.entries);
    expect(loaded.state?.createdAtMs).toBe(it.state);
    expect(loaded.recovery).toMatchObject({ torn: it.torn, unplaced: it.unplaced });
    return loaded;
  }

  it("truncate-every-byte: at every length, with a snapshot or without", async () => {
    const wal = vector("truncate-every-byte").files.get("wal.log") ?? new Uint8Array();
    const snapshot = vector("snapshot-only").files.get("snapshot.bin");
    for (let length = 0; length <= wal.length; length += length % 23 === 0 ? 1 : 2) {
      const ends = [0, 8, 214, 420].filter((end) => end <= length);
      const validBytes = ends.at(-1) ?? 0;
      for (const besides of [undefined, snapshot]) {
        const storage = await storageOf({ "wal.log": wal.subarray(0, length), "snapshot.bin": besides });
        const { entries, state, recovery } = await loadKinesisState({ storage });
        expect({ length, entries: entries.length, torn: recovery.torn }).toEqual({
          length,
          entries: Math.max(0, ends.length - 2),
          torn: validBytes === length ? undefined : torn(validBytes, length - validBytes),
        });
        // The snapshot is from 2024, the entries from 1970.
        expect(state?.createdAtMs).toBe(besides !== undefined ? T : ([undefined, 1n, 2n] as const)[entries.length]);
      }
    }
  });
});

describe("the cause of a bad frame", () => {
  it.each([
    ["frame-byte-out-of-range", "out_of_range", "consumers[0][1]"],
    ["frame-duplicate-field", "duplicate_field", "created_at_ms"],
    ["frame-invalid-utf8", "utf8", "policies[0][0]"],
    ["frame-lone-surrogate", "utf8", "policies[0][0]"],
    ["frame-missing-field", "missing_field", ""],
    ["frame-negative-number", "wrong_type", "created_at_ms"],
    ["frame-u64-overflow", "out_of_range", "created_at_ms"],
    ["frame-unknown-variant", "unknown_variant", ""],
    ["frame-trailing-garbage", "trailing", ""],
  ])("%s: %s in %s", async (name, reason, path) => {
    const error: unknown = await load(vector(name), "strict").catch((it: unknown) => it);
    expect(hasCode(error, "WAL_CORRUPT") && error.cause).toMatchObject({ code: "KINESIS_INVALID_STATE", reason, path, offset: expect.any(Number) as number });
  });
});

it("wal-is-directory is an error of the storage, in both modes", async () => {
  for (const mode of ["strict", "recover"] as const) {
    await expect(load(vector("wal-is-directory"), mode)).rejects.toMatchObject({ code: "STORAGE_UNSAFE_PATH", key: "wal.log" });
    rmSync(join(home, "state"), { recursive: true });
  }
});
