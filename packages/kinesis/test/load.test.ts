import { encodeFkwal2Entry, encodeFkwal2Header } from "@holdfast/wal/fkwal2";
import { describe, expect, it } from "vitest";
import { encodeKinesisEntry, encodeKinesisState, loadKinesisState, type KinesisState } from "../src/index.js";
import { storageOf } from "./support/directories.js";
import { emptyState } from "./support/states.js";
import { vector } from "./support/vectors.js";

const at = (createdAtMs: bigint, retainedBytes = 0n): KinesisState => ({ ...emptyState, createdAtMs, retainedBytes });
const walOf = (...states: readonly KinesisState[]): Uint8Array => Buffer.concat([encodeFkwal2Header(), ...states.map((it) => encodeFkwal2Entry(encodeKinesisEntry(it)))]);

describe("a log that a crash has left behind its snapshot", () => {
  it.each([0, 1, 2])("is superseded up to the entry that became the snapshot: number %i of three of the original's", async (number) => {
    const wal = vector("wal-three-entries").files.get("wal.log") ?? new Uint8Array();
    const { entries } = await loadKinesisState({ storage: await storageOf({ "wal.log": wal }) });
    const inner = entries[number]?.payload.slice('{"Snapshot":'.length, -1);
    const { state, recovery } = await loadKinesisState({ storage: await storageOf({ "wal.log": wal, "snapshot.bin": inner }) });
    expect(state?.createdAtMs).toBe(1_712_900_000_003n);
    expect(recovery).toMatchObject({ source: number === 2 ? "snapshot" : "log", entries: 3, superseded: number + 1, unplaced: undefined });
  });

  it("wins if it has more than the snapshot, though its clock stepped back", async () => {
    const storage = await storageOf({ "wal.log": walOf(at(100n), at(7n)), "snapshot.bin": encodeKinesisState(at(100n)) });
    expect(await loadKinesisState({ storage })).toMatchObject({ state: { createdAtMs: 7n }, lastCreatedAtMs: 100n, recovery: { source: "log", superseded: 1 } });
  });

  it("is compared by its bytes, not by its times", async () => {
    const storage = await storageOf({ "wal.log": walOf(at(100n, 1n)), "snapshot.bin": encodeKinesisState(at(100n, 2n)) });
    expect(await loadKinesisState({ storage })).toMatchObject({ state: { retainedBytes: 1n }, recovery: { source: "log", superseded: 0 } });
  });

  it("counts for the time that comes next, even if it does not count", async () => {
    const storage = await storageOf({ "wal.log": walOf(at(200n), at(7n)), "snapshot.bin": encodeKinesisState(at(100n)) });
    expect(await loadKinesisState({ storage })).toMatchObject({
      state: { createdAtMs: 100n },
      lastCreatedAtMs: 200n,
      recovery: { source: "snapshot", superseded: 0, unplaced: { entries: 2, snapshotCreatedAtMs: 100n, lastEntryCreatedAtMs: 7n } },
    });
  });
});

describe("what is too much or not there", () => {
  it("refuses a file over the bound, and says which", async () => {
    const wal = walOf(at(1n));
    const storage = await storageOf({ "wal.log": wal });
    await expect(loadKinesisState({ storage, maxFileBytes: wal.length - 1 })).rejects.toMatchObject({ code: "KINESIS_TOO_LARGE", key: "wal.log" });
    await expect(loadKinesisState({ storage, maxFileBytes: wal.length })).resolves.toMatchObject({ state: { createdAtMs: 1n } });
    const other = await storageOf({ "snapshot.bin": encodeKinesisState(at(1n)) });
    await expect(loadKinesisState({ storage: other, maxFileBytes: 100 })).rejects.toMatchObject({ code: "KINESIS_TOO_LARGE", key: "snapshot.bin" });
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32 + 1])("refuses a bound of %d", async (maxFileBytes) => {
    await expect(loadKinesisState({ storage: await storageOf({}), maxFileBytes })).rejects.toMatchObject({ code: "KINESIS_INVALID_ARGUMENT" });
  });

  it("refuses a damaged snapshot in both modes if there is nothing else", async () => {
    for (const wal of [undefined, walOf(), new Uint8Array(), Buffer.from("FKW")]) {
      const storage = await storageOf({ "wal.log": wal, "snapshot.bin": Buffer.from('{"created_at_ms":1}') });
      for (const mode of ["strict", "recover"] as const) {
        await expect(loadKinesisState({ storage, mode })).rejects.toMatchObject({ code: "KINESIS_SNAPSHOT_CORRUPT", key: "snapshot.bin", reason: "missing_field", path: "", offset: 0, cause: { code: "KINESIS_INVALID_STATE" } });
      }
    }
  });

  it("reports a damaged snapshot and a damaged log together", async () => {
    const storage = await storageOf({ "wal.log": Buffer.concat([walOf(at(1n)), Buffer.from("rubbish!"), walOf(at(2n)).subarray(8)]), "snapshot.bin": Buffer.from("{") });
    await expect(loadKinesisState({ storage })).rejects.toMatchObject({ code: "KINESIS_SNAPSHOT_CORRUPT" });
    const { state, recovery } = await loadKinesisState({ storage, mode: "recover" });
    expect(state?.createdAtMs).toBe(2n);
    expect(recovery.damage.map(({ code }) => code)).toEqual(["KINESIS_SNAPSHOT_CORRUPT", "WAL_CORRUPT"]);
  });
});
