import { storageKey } from "@holdfast/storage";
import { encodeFkwal2Entry, encodeFkwal2Header } from "@holdfast/wal/fkwal2";
import { describe, expect, it } from "vitest";
import { encodeKinesisEntry, encodeKinesisState, loadKinesisState, salvageKinesis, type KinesisDirectoryOptions, type KinesisState } from "../src/index.js";
import { backend, contents, filesIn, fill, killed, newSim, open, type Sim } from "./support/sim.js";
import { emptyState } from "./support/states.js";
import { vector, vectors } from "./support/vectors.js";

const HEADER = "FKWALv2\n";
const entry = (state: KinesisState): string => Buffer.from(encodeFkwal2Entry(encodeKinesisEntry(state))).toString("latin1");
const snapshotOf = (state: KinesisState): string => Buffer.from(encodeKinesisState(state)).toString("latin1");
const never: KinesisDirectoryOptions = { snapshotIntervalSeconds: 0 };

describe("a new directory", () => {
  it("has no state, and a file only when something is written", async () => {
    const sim = newSim();
    await using directory = await open(sim, never);
    expect(directory).toMatchObject({ state: undefined, recovery: { source: "none", entries: 0, damage: [] }, health: { status: "ready" } });
    await directory.snapshot();
    expect(filesIn(sim)).toEqual({});
    const state = await directory.append(contents(5));
    expect(filesIn(sim)).toEqual({ "wal.log": HEADER + entry(state) });
  });

  it("appends entry behind entry, and opens again with the last", async () => {
    const sim = newSim();
    const directory = await open(sim, never);
    const states = [await directory.append(contents(1)), await directory.append(contents(2)), await directory.append(contents(3))];
    expect(directory.state).toEqual(states[2]);
    expect(filesIn(sim)["wal.log"]).toBe(HEADER + states.map(entry).join(""));
    await directory.close();
    await using again = await open(sim, never);
    expect(again).toMatchObject({ state: states[2], recovery: { source: "log", entries: 3 } });
  });

  it("keeps a second writer out until it is closed", async () => {
    const sim = newSim();
    const directory = await open(sim);
    await expect(open(sim)).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    await directory.close();
    await directory.close();
    expect(directory.health.status).toBe("closed");
    await expect(directory.append(contents(1))).rejects.toMatchObject({ code: "KINESIS_CLOSED", outcome: "not_applied" });
    await (await open(sim)).close();
  });

  it("keeps the order of calls", async () => {
    const sim = newSim();
    await using directory = await open(sim, never);
    const states = await Promise.all([1, 2, 3, 4, 5].map((it) => directory.append(contents(it))));
    expect(states.map(({ retainedBytes }) => retainedBytes)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(filesIn(sim)["wal.log"]).toBe(HEADER + states.map(entry).join(""));
  });
});

describe("the time of a state", () => {
  it("is now, and later than the one before, though the clock stands or steps back", async () => {
    const sim = newSim({ startMs: 1_000_000 });
    await using directory = await open(sim, never);
    const times: bigint[] = [];
    for (const step of [0, 0, -5000, 10_000]) {
      sim.clock.step(step);
      times.push((await directory.append(contents(1))).createdAtMs);
    }
    expect(times).toEqual([1_000_000n, 1_000_001n, 1_000_002n, 1_005_000n]);
  });

  it("is later than every time in the files that are opened", async () => {
    const sim = newSim({ startMs: 1 });
    const at = (createdAtMs: bigint): KinesisState => ({ ...emptyState, createdAtMs });
    await fill(sim, new Map([["wal.log", Buffer.from(HEADER + entry(at(900n)) + entry(at(7n)), "latin1")], ["snapshot.bin", encodeKinesisState(at(500n))]]));
    await using directory = await open(sim, never);
    expect((await directory.append(contents(1))).createdAtMs).toBe(901n);
  });

  it("stops at the end of 64 bits, and below it at the epoch", async () => {
    const sim = newSim({ startMs: -5000 });
    const end = { ...emptyState, createdAtMs: 2n ** 64n - 1n };
    const early = await open(sim, never);
    expect((await early.append(contents(1))).createdAtMs).toBe(1n);
    await early.close();
    const late = newSim();
    await fill(late, new Map([["snapshot.bin", encodeKinesisState(end)]]));
    await using directory = await open(late, never);
    expect((await directory.append(contents(1))).createdAtMs).toBe(2n ** 64n - 1n);
    await using again = await open(killed(late), never);
    expect(again.state?.retainedBytes).toBe(1n);
  });
});

describe("snapshots", () => {
  it("are written behind the first append, and then when the interval is over", async () => {
    const sim = newSim();
    const directory = await open(sim, { snapshotIntervalSeconds: 10 });
    const first = await directory.append(contents(1));
    await settled(sim);
    expect(filesIn(sim)).toEqual({ "snapshot.bin": snapshotOf(first), "wal.log": HEADER });
    expect(directory.health).toMatchObject({ lastSnapshotMs: first.createdAtMs, snapshotError: undefined });
    sim.clock.step(9_999);
    const second = await directory.append(contents(2));
    await settled(sim);
    expect(filesIn(sim)).toEqual({ "snapshot.bin": snapshotOf(first), "wal.log": HEADER + entry(second) });
    sim.clock.step(1);
    const third = await directory.append(contents(3));
    await directory.close();
    expect(filesIn(sim)).toEqual({ "snapshot.bin": snapshotOf(third), "wal.log": HEADER });
  });

  it("count the interval from the state that was found", async () => {
    const sim = newSim();
    const before = await open(sim, never);
    await before.append(contents(1));
    await before.close();
    const directory = await open(sim, { snapshotIntervalSeconds: 1 });
    sim.clock.step(900);
    await directory.append(contents(2));
    await settled(sim);
    expect(directory.health.lastSnapshotMs).toBeUndefined();
    sim.clock.step(200);
    const third = await directory.append(contents(3));
    await directory.close();
    expect(directory.health.lastSnapshotMs).toBe(third.createdAtMs);
  });

  it("do not wait for a clock that was set back to come to where it was", async () => {
    const sim = newSim();
    const directory = await open(sim, { snapshotIntervalSeconds: 10 });
    const first = await directory.append(contents(1));
    await settled(sim);
    sim.clock.step(-3_600_000);
    await sim.clock.advance(9_999);
    await directory.append(contents(2));
    await settled(sim);
    expect(directory.health.lastSnapshotMs).toBe(first.createdAtMs);
    await sim.clock.advance(1);
    const third = await directory.append(contents(3));
    await settled(sim);
    expect(directory.health.lastSnapshotMs).toBe(third.createdAtMs);
    await directory.close();
    // Of a state that a wrong clock wrote the same holds from the opening on.
    await using again = await open(sim, { snapshotIntervalSeconds: 10 });
    await again.append(contents(4));
    await sim.clock.advance(10_000);
    const fifth = await again.append(contents(5));
    await settled(sim);
    expect(again.health.lastSnapshotMs).toBe(fifth.createdAtMs);
  });

  it("are written once, however many appends made one due", async () => {
    const sim = newSim();
    const directory = await open(sim, { snapshotIntervalSeconds: 10 });
    let renames = 0;
    sim.disk.observe(({ operation, phase }) => {
      if (operation === "rename" && phase === "done") renames += 1;
    });
    const appends = Promise.all([1, 2, 3].map((it) => directory.append(contents(it))));
    await appends;
    await settled(sim);
    await directory.close();
    expect(renames).toBe(3); // A new log, one snapshot, an empty log.
    expect(filesIn(sim)).toEqual({ "snapshot.bin": snapshotOf(directory.state ?? emptyState), "wal.log": HEADER });
  });

  it("are appended first, when nothing was: a crash in between leaves a log that has them", async () => {
    const sim = newSim();
    await fill(sim, vector("wal-three-entries").files);
    const directory = await open(sim, never);
    const found = directory.state;
    await directory.snapshot();
    expect(directory.state).toEqual({ ...found, createdAtMs: directory.state?.createdAtMs });
    expect(directory.state?.createdAtMs).toBeGreaterThan(found?.createdAtMs ?? 0n);
    expect(filesIn(sim)).toEqual({ "snapshot.bin": snapshotOf(directory.state ?? emptyState), "wal.log": HEADER });
    await directory.close();
  });

  it("that fail do not fail the append, are reported, and are tried again when they are due", async () => {
    const sim = newSim();
    const directory = await open(sim, { snapshotIntervalSeconds: 10 });
    sim.disk.addFault({ operation: "rename", nth: 2, kind: "fail", code: "ENOSPC" }); // The first puts the log in its place.
    const first = await directory.append(contents(1));
    await settled(sim);
    expect(directory.health).toMatchObject({ status: "ready", snapshotError: { code: "STORAGE_FULL" }, lastSnapshotMs: undefined });
    const second = await directory.append(contents(2));
    await settled(sim);
    expect(filesIn(sim)).toEqual({ "wal.log": HEADER + entry(first) + entry(second) });
    sim.clock.step(20_000);
    const third = await directory.append(contents(3));
    await directory.close();
    expect(directory.health).toMatchObject({ snapshotError: undefined, lastSnapshotMs: third.createdAtMs });
    expect(filesIn(sim)).toEqual({ "snapshot.bin": snapshotOf(third), "wal.log": HEADER });
  });

  it.each([-1, 86_401, 1.5, Number.NaN])("refuse an interval of %d", async (snapshotIntervalSeconds) => {
    await expect(open(newSim(), { snapshotIntervalSeconds })).rejects.toMatchObject({ code: "KINESIS_INVALID_ARGUMENT", message: expect.stringContaining("0 to 86400") as string });
  });
});

describe("the retained limit", () => {
  it("refuses more than it, in the words of the original, and lets what is over shrink", async () => {
    const sim = newSim();
    const before = await open(sim, never);
    await before.append(contents(150));
    await before.close();
    await using directory = await open(sim, { ...never, maxRetainedBytes: 100n });
    const refusal = { code: "KINESIS_RETAINED_LIMIT", outcome: "not_applied" };
    expect(() => {
      directory.checkRetained(0n);
    }).toThrow("Retained bytes limit exceeded: 150 + 0 > 100.");
    await expect(directory.append(contents(151))).rejects.toMatchObject({ ...refusal, message: "Retained bytes limit exceeded: 150 + 1 > 100." });
    await directory.append(contents(150));
    await directory.append(contents(120));
    await directory.append(contents(60));
    directory.checkRetained(40n);
    expect(() => {
      directory.checkRetained(41n);
    }).toThrow("Retained bytes limit exceeded: 60 + 41 > 100.");
    await expect(directory.append(contents(101))).rejects.toMatchObject({ ...refusal, message: "Retained bytes limit exceeded: 60 + 41 > 100." });
    await directory.append(contents(100));
    expect(directory.health.status).toBe("ready");
  });

  it.each([0n, -1n, 2n ** 64n])("cannot be %d", async (maxRetainedBytes) => {
    await expect(open(newSim(), { maxRetainedBytes })).rejects.toMatchObject({ code: "KINESIS_INVALID_ARGUMENT" });
  });
});

describe("opening changes nothing, and the next entry goes behind what was found", () => {
  const continued = vectors.filter(({ directories, files, original }) => directories.length === 0 && files.size > 0 && original.status !== "error" && original.status !== "crash");

  it.each(continued)("$name", async ({ name, files }) => {
    if (name.startsWith("torn-then") || name === "crash-between-renames") return; // Below.
    const sim = newSim();
    await fill(sim, files);
    const before = filesIn(sim);
    const directory = await open(sim, never);
    expect(filesIn(sim)).toEqual(before);
    const { recovery } = directory;
    const state = await directory.append(contents(7));
    await directory.close();
    const kept = (before["wal.log"] ?? "").slice(0, recovery.torn?.validBytes);
    expect(filesIn(sim)).toEqual({ ...before, "wal.log": (kept || HEADER) + entry(state) });
    const storage = await backend(sim);
    expect(await loadKinesisState({ storage })).toMatchObject({ state, recovery: { source: "log", entries: recovery.entries + 1, torn: undefined, unplaced: undefined, damage: [] } });
  });

  it.each(["truncated-in-magic", "bad-magic-legacy-7-bytes", "zero-filled-tail", "frame-len-2-40", "frame-len-u64-max"])("%s, of which the original cannot go on", async (name) => {
    const sim = newSim();
    await fill(sim, vector(name).files);
    const kept = (filesIn(sim)["wal.log"] ?? "").slice(0, { "zero-filled-tail": 2060, "frame-len-2-40": 226, "frame-len-u64-max": 226 }[name] ?? 0);
    const directory = await open(sim, never);
    const state = await directory.append(contents(7));
    await directory.close();
    expect(filesIn(sim)).toEqual({ "wal.log": (kept || HEADER) + entry(state) });
  });
});

describe("what is refused is changed by nobody", () => {
  const refused = ["double-header", "torn-then-append-magic", "frame-malformed-mid-file", "bad-magic-v1", "bad-magic-zeros", "snapshot-truncated", "snapshot-empty", "frame-u64-overflow"];

  it.each(refused)("%s", async (name) => {
    const sim = newSim();
    await fill(sim, vector(name).files);
    const before = filesIn(sim);
    await expect(open(sim)).rejects.toMatchObject({ code: expect.stringMatching(/^(?:WAL_CORRUPT|WAL_NOT_A_LOG|KINESIS_SNAPSHOT_CORRUPT)$/) as string });
    expect(filesIn(sim)).toEqual(before);
    await (await open(killed(sim), { mode: "recover" }).catch(() => undefined))?.close();
    expect(filesIn(sim)).toEqual(before);
  });
});

describe("recovering", () => {
  const damaged = ["double-header", "torn-then-append-magic", "torn-then-append-body-long", "frame-malformed-mid-file", "frame-zero-length", "bad-magic-v1", "bad-magic-zeros", "frame-invalid-utf8"];

  it.each(damaged)("%s: the log is kept aside, a new one begins with the state, and everything can still be found", async (name) => {
    const sim = newSim();
    await fill(sim, vector(name).files);
    const before = filesIn(sim)["wal.log"] ?? "";
    const found = await (async () => loadKinesisState({ storage: await backend(sim), mode: "recover" }))();
    const directory = await open(sim, { ...never, mode: "recover" });
    expect(directory.state).toEqual(found.state);
    const state = await directory.append(contents(7));
    await directory.close();
    expect(filesIn(sim)).toEqual({ "wal-aside-00000000000000000001.log": before, "wal.log": HEADER + entry(state) });
    const storage = await backend(sim);
    expect((await loadKinesisState({ storage })).state).toEqual(state);
    const salvage = await salvageKinesis({ storage });
    expect(salvage.entries.map(({ createdAtMs }) => createdAtMs)).toEqual([...found.entries.map(({ createdAtMs }) => createdAtMs), state.createdAtMs]);
    expect(new Set(salvage.entries.map(({ key }) => key))).toContain("wal.log");
  });

  it.each(["snapshot-empty", "snapshot-trailing", "snapshot-truncated"])("%s: the snapshot is kept aside and replaced", async (name) => {
    const sim = newSim();
    await fill(sim, vector(name).files);
    const before = filesIn(sim);
    const directory = await open(sim, { ...never, mode: "recover" });
    const state = await directory.append(contents(7));
    await directory.close();
    expect(filesIn(sim)).toEqual({ "snapshot-aside-00000000000000000001.bin": before["snapshot.bin"], "snapshot.bin": snapshotOf(state), "wal.log": HEADER });
    const storage = await backend(sim);
    expect((await loadKinesisState({ storage })).state).toEqual(state);
    expect(await salvageKinesis({ storage })).toEqual({ entries: [], damagedSnapshots: ["snapshot-aside-00000000000000000001.bin"] });
  });

  it("crash-between-renames: entries that cannot be placed are kept aside, also in strict mode", async () => {
    const sim = newSim();
    await fill(sim, vector("crash-between-renames").files);
    const before = filesIn(sim);
    const directory = await open(sim, never);
    expect(directory.state?.createdAtMs).toBe(1_712_900_000_050n);
    const state = await directory.append(contents(7));
    await directory.close();
    expect(filesIn(sim)).toEqual({ "snapshot.bin": before["snapshot.bin"], "wal-aside-00000000000000000001.log": before["wal.log"], "wal.log": HEADER + entry(state) });
    const { entries } = await salvageKinesis({ storage: await backend(sim) });
    expect(entries.map(({ key, createdAtMs }) => [key, createdAtMs])).toEqual([
      ["wal-aside-00000000000000000001.log", 1_712_900_000_000n],
      ["wal-aside-00000000000000000001.log", 1_712_900_000_001n],
      ["wal-aside-00000000000000000001.log", 1_712_900_000_002n],
      ["wal.log", state.createdAtMs],
    ]);
  });

  it("keeps a file aside once, also when a crash came between, and never over another", async () => {
    const sim = newSim();
    const { files } = vector("crash-between-renames");
    const wal = files.get("wal.log") ?? new Uint8Array();
    await fill(sim, new Map([...files, ["wal-aside-00000000000000000001.log", Buffer.from("another")], ["wal-aside-00000000000000000002.log", wal]]));
    const directory = await open(sim, never);
    await directory.append(contents(7));
    await directory.close();
    expect(Object.keys(filesIn(sim))).toEqual(["snapshot.bin", "wal-aside-00000000000000000001.log", "wal-aside-00000000000000000002.log", "wal.log"]);
    expect(filesIn(sim)["wal-aside-00000000000000000001.log"]).toBe("another");
  });

  it("keeps a file aside behind others that are not it, of the same length or another", async () => {
    const sim = newSim();
    const { files } = vector("crash-between-renames");
    const wal = Buffer.from(files.get("wal.log") ?? new Uint8Array());
    const almost = Buffer.from(wal);
    almost[almost.length - 1] = 0x20;
    await fill(sim, new Map([...files, ["wal-aside-00000000000000000001.log", wal.subarray(1)], ["wal-aside-00000000000000000002.log", almost]]));
    const before = filesIn(sim);
    const directory = await open(sim, never);
    await directory.append(contents(7));
    await directory.close();
    expect(filesIn(sim)).toEqual({ ...before, "wal.log": expect.any(String) as string, "wal-aside-00000000000000000003.log": wal.toString("latin1") });
  });
});

describe("bad surroundings", () => {
  it("leftovers of the original are left alone, and disturb nobody", async () => {
    const sim = newSim();
    await fill(sim, vector("leftover-tmp-files").files);
    const directory = await open(sim, { snapshotIntervalSeconds: 1 });
    const state = await directory.append(contents(1));
    await directory.close();
    expect(filesIn(sim)).toEqual({ "snapshot.bin": snapshotOf(state), "snapshot.bin.tmp": expect.any(String) as string, "wal.log": HEADER, "wal.log.tmp": "FKW" });
  });

  it.each(["snapshot.bin", "wal.log"])("a directory called %s is refused, and stays", async (name) => {
    const sim = newSim();
    await (await backend(sim)).close();
    await sim.disk.port().mkdir(`/state/${name}`, 0o700);
    await expect(open(sim)).rejects.toMatchObject({ code: "STORAGE_UNSAFE_PATH", key: name });
    expect(sim.disk.directories()).toContain(`/state/${name}`);
  });

  it("a read-only disk is refused for writing, and can be loaded", async () => {
    const sim = newSim();
    await fill(sim, vector("wal-three-entries").files);
    const before = filesIn(sim);
    sim.disk.remountReadOnly();
    await expect(open(sim)).rejects.toMatchObject({ code: "STORAGE_ACCESS_DENIED" });
    await expect(backend(sim).then((storage) => loadKinesisState({ storage }))).resolves.toMatchObject({ state: { createdAtMs: 1_712_900_000_003n } });
    expect(filesIn(sim)).toEqual(before);
  });

  it("a directory without permission is refused", async () => {
    const sim = newSim({ faults: [{ operation: "lstat", path: "*wal.log", nth: 1, times: Infinity, kind: "fail", code: "EACCES" }] });
    await expect(open(sim)).rejects.toMatchObject({ code: "STORAGE_ACCESS_DENIED", key: "wal.log" });
  });

  it("a log that somebody wrote to since it was read is not written over", async () => {
    const sim = newSim();
    await fill(sim, vector("wal-three-entries").files);
    await using directory = await open(sim, never);
    const other = await (await backend(sim)).appendable.open(storageKey("wal.log"), { mode: "continue" });
    await other.append(Buffer.from("x"));
    await other.close();
    const before = filesIn(sim);
    await expect(directory.append(contents(1))).rejects.toMatchObject({ code: "KINESIS_CHANGED", key: "wal.log", outcome: "not_applied" });
    expect(filesIn(sim)).toEqual(before);
    expect(directory.health.status).toBe("ready");
  });
});

describe("a write that fails", () => {
  const enospc = { operation: "dsyncWrite", path: "*wal.log", nth: 1, kind: "fail", code: "EIO" } as const;

  it("rejects the append, and everything behind it until the directory is opened again", async () => {
    const sim = newSim();
    const directory = await open(sim, never);
    const kept = await directory.append(contents(1));
    sim.disk.addFault(enospc);
    const [failed, behind] = await Promise.allSettled([directory.append(contents(2)), directory.append(contents(3))]);
    expect(failed).toMatchObject({ status: "rejected", reason: { code: "STORAGE_WRITE_FAILED", outcome: "unknown" } });
    expect(behind).toMatchObject({ status: "rejected", reason: { code: "KINESIS_POISONED", outcome: "not_applied", cause: { code: "STORAGE_WRITE_FAILED" } } });
    await expect(directory.snapshot()).rejects.toMatchObject({ code: "KINESIS_POISONED" });
    expect(directory).toMatchObject({ state: kept, health: { status: "poisoned", lastError: { code: "STORAGE_WRITE_FAILED" } } });
    await directory.close();
    sim.disk.heal();
    await using again = await open(sim, never);
    expect(again.state).toEqual(kept);
    await again.append(contents(4));
  });

  it("harms nothing if it did not happen: the first entry again, when there is room again", async () => {
    const sim = newSim();
    await fill(sim, vector("wal-three-entries").files);
    const before = filesIn(sim);
    const directory = await open(sim, never);
    sim.disk.addFault({ operation: "write", nth: 1, times: Infinity, kind: "fail", code: "ENOSPC" });
    sim.disk.addFault({ operation: "dsyncWrite", nth: 1, times: Infinity, kind: "fail", code: "ENOSPC" });
    await expect(directory.append(contents(1))).rejects.toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied" });
    expect(filesIn(sim)).toEqual(before);
    expect(directory.health.status).toBe("ready");
    sim.disk.heal();
    const state = await directory.append(contents(1));
    await directory.close();
    expect(filesIn(sim)["wal.log"]).toBe(`${before["wal.log"] ?? ""}${entry(state)}`);
  });

  it("of a state that has no bytes changes nothing", async () => {
    const sim = newSim();
    await using directory = await open(sim, never);
    await expect(directory.append({ ...contents(1), retainedRecords: -1n })).rejects.toMatchObject({ code: "KINESIS_INVALID_STATE", path: "retained_records", outcome: "not_applied" });
    expect(filesIn(sim)).toEqual({});
    expect((await directory.append(contents(1))).retainedBytes).toBe(1n);
  });
});

it("an empty log has the header that the original wants", () => {
  expect(Buffer.from(encodeFkwal2Header()).toString("latin1")).toBe(HEADER);
});

/** Waits until nothing is under way: a snapshot is written behind its append. */
async function settled(sim: Sim): Promise<void> {
  for (let calls = -1; calls !== sim.disk.calls; ) {
    calls = sim.disk.calls;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}
