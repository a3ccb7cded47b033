import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeFkwal2Entry, encodeFkwal2Header } from "@holdfast/wal/fkwal2";
import { describe, expect, it, onTestFinished } from "vitest";
import { encodeKinesisEntry, encodeKinesisState, openKinesisDirectory, type KinesisState } from "../src/index.js";
import { filesOf } from "./support/directories.js";
import { backend, fill, filesIn, newSim, open } from "./support/sim.js";
import { emptyState, sampleStream } from "./support/states.js";

/*
 * A log with a good entry, and a second one that is bad in one way; then a snapshot that is bad in the same way. The error names the
 * file, the frame, where the frame begins and where in it the fault is; and nothing on the disk changes.
 */

const good: KinesisState = { ...emptyState, createdAtMs: 5n };
const goodFrame = encodeFkwal2Entry(encodeKinesisEntry(good));
const BAD_OFFSET = 8 + goodFrame.length;
const whole: KinesisState = {
  ...emptyState,
  createdAtMs: 6n,
  streams: [sampleStream],
  consumers: [["arn:c", Uint8Array.of(1, 2, 3)]],
  policies: [["arn:p", "policy"]],
  resourceTags: [["arn:t", new Map([["k", "v"]])]],
};
const text = Buffer.from(encodeKinesisState(whole)).toString();
const changed = (from: string | RegExp, to: string): Buffer => {
  const result = text.replace(from, () => to);
  if (result === text) throw new Error(`${String(from)} is not there`);
  return Buffer.from(result);
};
const rawFrame = (payload: Uint8Array, length = BigInt(payload.length)): Buffer => {
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(length);
  return Buffer.concat([head, payload]);
};
const logWith = (...frames: readonly Uint8Array[]): Buffer => Buffer.concat([encodeFkwal2Header(), goodFrame, ...frames]);
const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

const badStates: readonly (readonly [what: string, state: Buffer, reason: string, path: string])[] = [
  ["text that is not UTF-8", Buffer.from(text.replace('"policy"', '"p\u00ffy"'), "latin1"), "utf8", "policies[0][1]"],
  ["half a character", changed('"policy"', '"\\ud83d"'), "utf8", "policies[0][1]"],
  ["a field twice", changed('"policies":', '"streams":[],"policies":'), "duplicate_field", "streams"],
  ["a field twice inside", changed('"has_more_shards":', '"name":"again","has_more_shards":'), "duplicate_field", "streams[0].name"],
  ["a text for a number", changed('"created_at_ms":6', '"created_at_ms":"6"'), "wrong_type", "created_at_ms"],
  ["a number for a text", changed('"name":"orders"', '"name":1'), "wrong_type", "streams[0].name"],
  ["an object for a list", changed('"records":[]', '"records":{}'), "wrong_type", "records"],
  ["null for a flag", changed('"has_more_shards":false', '"has_more_shards":null'), "wrong_type", "streams[0].has_more_shards"],
  ["a byte of 256", changed("[1,2,3]", "[1,256,3]"), "out_of_range", "consumers[0][1]"],
  ["a byte below 0", changed("[1,2,3]", "[1,-2,3]"), "wrong_type", "consumers[0][1]"],
  ["2^64 for a time", changed('"created_at_ms":6', '"created_at_ms":18446744073709551616'), "out_of_range", "created_at_ms"],
  ["2^64 for a counter", changed('"shard_counters":[0]', '"shard_counters":[0,18446744073709551616]'), "out_of_range", "streams[0].shard_counters[1]"],
  ["2^32 for hours", changed('"retention_period_hours":24', '"retention_period_hours":4294967296'), "out_of_range", "streams[0].retention_period_hours"],
  ["nesting of 10,000 in what is not known", changed("{", `{"unknown":${deep(10_000)},`), "too_deep", ""],
  ["nesting of 129 with the state around it", changed("{", `{"unknown":${deep(128)},`), "too_deep", ""],
  ["__proto__ in the place of a field", changed('"streams":', '"__proto__":'), "missing_field", ""],
  ["a missing field", changed('"policies":[["arn:p","policy"]],', ""), "missing_field", ""],
  ["something behind it", Buffer.from(`${text}{}`), "trailing", ""],
  ["half of it", Buffer.from(text.slice(0, -9)), "incomplete", ""],
];

describe.each(badStates.map(([what, state, reason, path]) => ({ what, state, reason, path })))("$what", ({ state, reason, path }) => {
  it("in the log", async () => {
    const sim = newSim();
    const payload = Buffer.concat([Buffer.from('{"Snapshot":'), state, Buffer.from("}")]);
    await fill(sim, new Map([["wal.log", logWith(rawFrame(payload))]]));
    const before = filesIn(sim);
    const error: unknown = await open(sim).catch((it: unknown) => it);
    const offset = expect.any(Number) as number;
    // What ends too early or too late is told of the entry around it.
    const around = reason === "trailing" || reason === "incomplete" ? { code: "KINESIS_INVALID_STATE", offset } : { code: "KINESIS_INVALID_STATE", reason, path, offset };
    expect(error).toMatchObject({ code: "WAL_CORRUPT", key: "wal.log", frame: 1, offset: BAD_OFFSET, cause: around });
    expect((error as Error).message).toContain(`frame 1 of wal.log, at offset ${BAD_OFFSET}, does not decode`);
    expect(filesIn(sim)).toEqual(before);
  });

  it("in the snapshot", async () => {
    const sim = newSim();
    await fill(sim, new Map([["snapshot.bin", state]]));
    const before = filesIn(sim);
    await expect(open(sim)).rejects.toMatchObject({ code: "KINESIS_SNAPSHOT_CORRUPT", key: "snapshot.bin", reason, path, offset: expect.any(Number) as number });
    expect(filesIn(sim)).toEqual(before);
  });
});

describe("names of JavaScript's own are names", () => {
  it.each([
    ["of what is not known", changed("{", '{"__proto__":{"streams":1},"constructor":1,"toString":null,'), new Map([["k", "v"]])],
    ["of tags", changed('{"k":"v"}', '{"__proto__":"p","constructor":"c","k":"v"}'), new Map([["__proto__", "p"], ["constructor", "c"], ["k", "v"]])],
  ])("%s", async (_what, state, tags) => {
    const sim = newSim();
    await fill(sim, new Map([["snapshot.bin", state]]));
    await using directory = await open(sim);
    expect(directory.state).toEqual({ ...whole, resourceTags: [["arn:t", tags]] });
    expect(Object.getPrototypeOf(directory.state)).toBe(Object.prototype);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("lengths that lie", () => {
  it.each([2n ** 64n - 1n, 2n ** 63n, 2n ** 53n + 1n, 2n ** 40n, 2n ** 33n, 15n])("%d, with nothing behind: an interrupted write, for which no memory is taken", async (length) => {
    const sim = newSim();
    await fill(sim, new Map([["wal.log", logWith(rawFrame(Buffer.from('{"Snapshot":'), length))]]));
    const before = filesIn(sim);
    await using directory = await open(sim);
    expect(directory).toMatchObject({ state: good, recovery: { entries: 1, torn: { validBytes: BAD_OFFSET, discardedBytes: 20 } } });
    expect(filesIn(sim)).toEqual(before);
  });

  it.each([2n ** 64n - 1n, 2n ** 40n, 1_000_000n])("%d, with an entry behind: damage", async (length) => {
    const sim = newSim();
    await fill(sim, new Map([["wal.log", logWith(rawFrame(Buffer.from("{"), length), goodFrame)]]));
    const before = filesIn(sim);
    await expect(open(sim)).rejects.toMatchObject({ code: "WAL_CORRUPT", key: "wal.log", frame: 1, offset: BAD_OFFSET, message: expect.stringContaining("1 entries were found behind it") as string });
    expect(filesIn(sim)).toEqual(before);
  });

  it("shorter than the entry: damage", async () => {
    const sim = newSim();
    const payload = encodeKinesisEntry(whole);
    await fill(sim, new Map([["wal.log", logWith(rawFrame(payload, BigInt(payload.length - 1)))]]));
    const before = filesIn(sim);
    await expect(open(sim)).rejects.toMatchObject({ code: "WAL_CORRUPT", frame: 1, offset: BAD_OFFSET, cause: { reason: "incomplete" } });
    expect(filesIn(sim)).toEqual(before);
  });

  it("larger than is allowed to be read", async () => {
    const sim = newSim();
    await fill(sim, new Map([["wal.log", logWith(encodeFkwal2Entry(encodeKinesisEntry(whole)))]]));
    const before = filesIn(sim);
    await expect(open(sim, { maxStateBytes: 300 })).rejects.toMatchObject({ code: "KINESIS_TOO_LARGE", key: "wal.log", offset: BAD_OFFSET, cause: { frame: 1 } });
    expect(filesIn(sim)).toEqual(before);
  });
});

describe("in the place of files and of the directory", () => {
  it.each(["snapshot.bin", "wal.log"])("a directory called %s is refused, and stays", async (name) => {
    const root = temporary();
    mkdirSync(join(root, name));
    const before = filesOf(root);
    for (const mode of ["strict", "recover"] as const) await expect(openKinesisDirectory(root, { mode })).rejects.toMatchObject({ code: "STORAGE_UNSAFE_PATH", key: name });
    expect(filesOf(root)).toEqual(before);
  });

  it("directories called as the temporary files of the original do not keep snapshots from being written", async () => {
    const root = temporary();
    mkdirSync(join(root, "snapshot.bin.tmp"));
    mkdirSync(join(root, "wal.log.tmp"));
    await using directory = await openKinesisDirectory(root, { snapshotIntervalSeconds: 0 });
    await directory.append(emptyState);
    await directory.snapshot();
    expect(Object.keys(filesOf(root))).toEqual(["snapshot.bin", "snapshot.bin.tmp", "wal.log", "wal.log.tmp"]);
  });

  it("leftovers of the original are neither read nor changed", async () => {
    const sim = newSim();
    const leftovers = new Map([["snapshot.bin.tmp", Buffer.from(encodeKinesisState(whole))], ["wal.log.tmp", logWith(goodFrame)]]);
    await fill(sim, leftovers);
    const before = filesIn(sim);
    await using directory = await open(sim);
    expect(directory.state).toBeUndefined();
    await directory.append(emptyState);
    expect(filesIn(sim)).toMatchObject(before);
  });

  it("a file is refused, and stays", async () => {
    const root = temporary();
    writeFileSync(join(root, "file"), "state");
    await expect(openKinesisDirectory(join(root, "file"))).rejects.toMatchObject({ code: expect.stringMatching(/^STORAGE_/) as string });
    expect(filesOf(root)).toEqual({ file: "state" });
  });

  it.each(["mkdir", "lstat", "open", "read"] as const)("a directory whose %s is not permitted is refused", async (operation) => {
    const sim = newSim();
    await fill(sim, new Map([["wal.log", logWith()]]));
    const before = filesIn(sim);
    const fresh = operation === "mkdir" ? newSim() : sim;
    fresh.disk.addFault({ operation, nth: 1, times: Infinity, kind: "fail", code: "EACCES" });
    await expect(open(fresh)).rejects.toMatchObject({ code: expect.stringMatching(/^STORAGE_(?:ACCESS_DENIED|READ_FAILED)$/) as string });
    expect(filesIn(sim)).toEqual(before);
  });

  it("a directory on a read-only disk is refused for writing", async () => {
    const sim = newSim();
    await fill(sim, new Map([["wal.log", logWith()]]));
    const before = filesIn(sim);
    sim.disk.remountReadOnly();
    await expect(open(sim)).rejects.toMatchObject({ code: "STORAGE_ACCESS_DENIED" });
    expect(filesIn(sim)).toEqual(before);
  });

  it("a disk that becomes read-only behind the opening refuses the first state, and has all it had", async () => {
    const sim = newSim();
    await fill(sim, new Map([["wal.log", logWith()]]));
    const before = filesIn(sim);
    await using directory = await open(sim);
    sim.disk.remountReadOnly();
    await expect(directory.append(emptyState)).rejects.toMatchObject({ code: "STORAGE_ACCESS_DENIED", outcome: "not_applied" });
    expect(directory.health.status).toBe("ready");
    expect(filesIn(sim)).toEqual(before);
    await (await backend(sim)).close();
  });
});

function temporary(): string {
  const root = mkdtempSync(join(tmpdir(), "holdfast-kinesis-"));
  onTestFinished(() => {
    rmSync(root, { recursive: true });
  });
  return root;
}
