import { storageKey, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { encodeFkwal2Entry, encodeFkwal2Header } from "@holdfast/wal/fkwal2";
import { describe, expect, it } from "vitest";
import { encodeKinesisEntry, encodeKinesisState, loadKinesisEntry, loadKinesisState, salvageKinesis, type KinesisState } from "../src/index.js";
import { storageOf } from "./support/directories.js";
import { emptyState } from "./support/states.js";
import { vector } from "./support/vectors.js";

const at = (createdAtMs: bigint, retainedBytes = 0n): KinesisState => ({ ...emptyState, createdAtMs, retainedBytes });
const walOf = (...states: readonly KinesisState[]): Uint8Array => Buffer.concat([encodeFkwal2Header(), ...states.map((it) => encodeFkwal2Entry(encodeKinesisEntry(it)))]);

describe("a log that a crash has left behind its snapshot", () => {
  it.each([0, 1, 2])("is superseded up to the entry that became the snapshot: number %i of three of the original's", async (number) => {
    const wal = vector("wal-three-entries").files.get("wal.log") ?? new Uint8Array();
    const { entries } = await loadKinesisState({ storage: await storageOf({ "wal.log": wal }) });
    const { offset = 0, bytes = 0 } = entries[number] ?? {};
    const inner = wal.slice(offset + 8 + '{"Snapshot":'.length, offset + 8 + bytes - 1);
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
  it("refuses a state over the bound, and says where it is; a log may be larger", async () => {
    const wal = walOf(at(1n), at(22n), at(3n));
    const storage = await storageOf({ "wal.log": wal });
    const entryBytes = encodeKinesisEntry(at(22n)).length;
    const tooLarge = { code: "KINESIS_TOO_LARGE", key: "wal.log", offset: 8 + 8 + entryBytes - 1, cause: { frame: 1 } };
    for (const mode of ["strict", "recover"] as const) await expect(loadKinesisState({ storage, mode, maxStateBytes: entryBytes - 1 })).rejects.toMatchObject(tooLarge);
    await expect(salvageKinesis({ storage, maxStateBytes: entryBytes - 1 })).rejects.toMatchObject(tooLarge);
    await expect(loadKinesisState({ storage, maxStateBytes: entryBytes })).resolves.toMatchObject({ state: { createdAtMs: 3n } });
    const snapshot = encodeKinesisState(at(1n));
    const other = await storageOf({ "snapshot.bin": snapshot });
    await expect(loadKinesisState({ storage: other, maxStateBytes: snapshot.length - 1 })).rejects.toMatchObject({ code: "KINESIS_TOO_LARGE", key: "snapshot.bin" });
    await expect(loadKinesisState({ storage: other, maxStateBytes: snapshot.length })).resolves.toMatchObject({ state: { createdAtMs: 1n } });
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32 + 1])("refuses a bound of %d", async (maxStateBytes) => {
    await expect(loadKinesisState({ storage: await storageOf({}), maxStateBytes })).rejects.toMatchObject({ code: "KINESIS_INVALID_ARGUMENT" });
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

describe("while somebody writes a snapshot", () => {
  /** What a snapshot leaves, behind a call of a backend that reads the log. */
  async function disturbed(times: number, call: "stat" | "read", wal: Uint8Array): Promise<StorageBackend> {
    const storage = await storageOf({ "snapshot.bin": encodeKinesisState(at(1n)), "wal.log": wal });
    let count = 0;
    const disturb = async (key: StorageKey): Promise<void> => {
      if (key !== "wal.log" || count >= times) return;
      count += 1;
      await storage.replace(storageKey("snapshot.bin"), encodeKinesisState(at(100n + BigInt(count))));
      await storage.replace(key, encodeFkwal2Header());
    };
    return {
      ...storage,
      stat: async (key) => {
        if (call === "stat") await disturb(key);
        return storage.stat(key);
      },
      read: async (key, options) => {
        if (call === "read") await disturb(key);
        return storage.read(key, options);
      },
    };
  }

  it.each(["stat", "read"] as const)("answers the new state, and not the old snapshot with the new log: before %s", async (call) => {
    const storage = await disturbed(1, call, walOf(at(2n), at(3n)));
    expect(await loadKinesisState({ storage })).toMatchObject({ state: { createdAtMs: 101n }, recovery: { source: "snapshot", damage: [], unplaced: undefined } });
  });

  it("gives up in the end, and says that it can be tried again", async () => {
    const storage = await disturbed(Infinity, "stat", walOf(at(2n)));
    await expect(loadKinesisState({ storage })).rejects.toMatchObject({ code: "KINESIS_CHANGED", retryable: true });
  });

  it("says of damage what it is, and tries nothing again", async () => {
    let reads = 0;
    const storage = await storageOf({ "snapshot.bin": encodeKinesisState(at(1n)), "wal.log": Buffer.from("rubbish!") });
    const read: StorageBackend["read"] = (key, options) => {
      if (key === "wal.log") reads += 1;
      return storage.read(key, options);
    };
    await expect(loadKinesisState({ storage: { ...storage, stat: storage.stat.bind(storage), read } })).rejects.toMatchObject({ code: "WAL_NOT_A_LOG" });
    expect(reads).toBe(1);
  });
});

it("an entry is read again by where it stands, and nothing else is taken for it", async () => {
  const storage = await storageOf({ "wal.log": walOf(at(1n), at(22n, 5n), at(3n)) });
  const { entries } = await loadKinesisState({ storage });
  expect(await Promise.all(entries.map((entry) => loadKinesisEntry(storage, entry)))).toEqual([at(1n), at(22n, 5n), at(3n)]);
  const [, second] = entries;
  if (second === undefined) throw new Error("there are three");
  await expect(loadKinesisEntry(storage, { ...second, offset: second.offset + 1 })).rejects.toMatchObject({ code: "KINESIS_INVALID_STATE" });
  await expect(loadKinesisEntry(await storageOf({}), second)).rejects.toMatchObject({ code: "KINESIS_INVALID_STATE" });
});
