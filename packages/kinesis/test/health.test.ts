import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openingKinesisHealth, openKinesisDirectory, unopenedKinesisHealth, type KinesisContents, type KinesisDirectoryOptions } from "../src/index.js";
import { contents, fill, newSim, open, type Sim } from "./support/sim.js";
import { emptyState, sampleStream } from "./support/states.js";
import { vector } from "./support/vectors.js";

const never: KinesisDirectoryOptions = { snapshotIntervalSeconds: 0 };
const creating: KinesisContents = { ...emptyState, streams: [{ ...sampleStream, streamStatus: "CREATING" }] };

describe("a directory is", () => {
  it("opening, until it is open", () => {
    expect(openingKinesisHealth).toEqual({
      status: "opening",
      replayComplete: false,
      durableOk: true,
      lastError: undefined,
      blockedBecause: "durable replay is not complete",
      snapshotError: undefined,
      lastSnapshotMs: undefined,
    });
  });

  it("ready", async () => {
    const sim = newSim();
    await using directory = await open(sim, never);
    expect(directory.health).toEqual({ status: "ready", replayComplete: true, durableOk: true, lastError: undefined, blockedBecause: undefined, snapshotError: undefined, lastSnapshotMs: undefined });
    await directory.append(contents(1));
    await directory.snapshot();
    expect(directory.health).toMatchObject({ status: "ready", lastSnapshotMs: directory.state?.createdAtMs });
  });

  it("ready, though its snapshots fail: the log has everything", async () => {
    const sim = newSim();
    await using directory = await open(sim, { snapshotIntervalSeconds: 1 });
    sim.disk.addFault({ operation: "rename", nth: 2, kind: "fail", code: "EIO" });
    await directory.append(contents(1));
    await directory.append(contents(2));
    expect(directory.health).toMatchObject({ status: "ready", durableOk: true, blockedBecause: undefined, snapshotError: { code: expect.stringMatching(/^STORAGE_/) as string } });
  });

  it("unresumed, if the server has to decide about what was found; until it appends", async () => {
    const sim = newSim();
    const before = await open(sim, never);
    await before.append(creating);
    expect(before.health.status).toBe("ready");
    await before.close();
    await using directory = await open(sim, never);
    const problem = "ambiguous persisted stream transition for orders: CREATING without transition metadata";
    expect(directory.resumption).toMatchObject({ due: [], pendingTransitions: [], problems: [{ code: "KINESIS_AMBIGUOUS_TRANSITION", message: problem }] });
    expect(directory.health).toMatchObject({ status: "unresumed", replayComplete: false, durableOk: false, lastError: { code: "KINESIS_AMBIGUOUS_TRANSITION" }, blockedBecause: problem });
    await directory.append({ ...creating, streams: [sampleStream] });
    expect(directory.health).toMatchObject({ status: "ready", lastError: undefined, blockedBecause: undefined });
  });

  it("poisoned by a write that may have been done, and closed then", async () => {
    const sim = newSim();
    const directory = await open(sim, never);
    await directory.append(contents(1));
    sim.disk.addFault({ operation: "dsyncWrite", path: "*wal.log", nth: 1, kind: "fail", code: "EIO" });
    await expect(directory.append(contents(2))).rejects.toMatchObject({ outcome: "unknown" });
    expect(directory.health).toMatchObject({
      status: "poisoned",
      replayComplete: false,
      durableOk: false,
      lastError: { code: "STORAGE_WRITE_FAILED" },
      blockedBecause: expect.stringMatching(/^failed to persist wal entry: ./) as string,
    });
    await directory.close();
    expect(directory.health).toMatchObject({ status: "closed", durableOk: false, lastError: undefined, blockedBecause: "durable state backend is unavailable" });
  });

  it("unopened, with why: what is stored cannot be read, the directory cannot be made, or something else", async () => {
    const sim = newSim();
    await fill(sim, vector("double-header").files);
    const damaged = unopenedKinesisHealth(await open(sim).catch((error: unknown) => error));
    expect(damaged).toMatchObject({ status: "unopened", replayComplete: false, durableOk: false, lastError: { code: "WAL_CORRUPT", frame: 1, offset: 226 } });
    expect(damaged.blockedBecause).toMatch(/^frame 1 of wal\.log, at offset 226, /);

    const root = mkdtempSync(join(tmpdir(), "holdfast-kinesis-"));
    onTestFinished(() => {
      rmSync(root, { recursive: true });
    });
    writeFileSync(join(root, "file"), "");
    const impossible = unopenedKinesisHealth(await openKinesisDirectory(join(root, "file", "state")).catch((error: unknown) => error));
    expect(impossible.lastError?.code).toMatch(/^STORAGE_/);
    expect(impossible.blockedBecause).toMatch(/^failed to initialize durable state: ./);
    expect(unopenedKinesisHealth(undefined)).toMatchObject({ lastError: undefined, blockedBecause: "durable state is not ready" });
  });
});

describe("opening plans what is to be finished", () => {
  it("by the clock, from the state that counts", async () => {
    const sim = newSim({ startMs: 5_000 });
    const before = await open(sim, never);
    const late = { kind: "DeleteStream", streamName: "late", readyAtMs: 9_000n } as const;
    await before.append({ ...emptyState, pendingTransitions: [late], streams: [{ ...sampleStream, streamStatus: "DELETING" }] });
    await before.close();
    sim.clock.step(1_000);
    await using directory = await open(sim, never);
    const made = { kind: "DeleteStream", streamName: "orders", readyAtMs: 6_000n } as const;
    expect(directory.resumption).toEqual({ due: [{ transition: late, delayMs: 3_000n }, { transition: made, delayMs: 0n }], pendingTransitions: [late, made], problems: [] });
  });

  it("and nothing where nothing is stored", async () => {
    await using directory = await open(newSim({ startMs: -5 }), never);
    expect(directory.resumption).toEqual({ due: [], pendingTransitions: [], problems: [] });
  });
});

it("publishes what happens", async () => {
  const events = listen();
  const sim = newSim({ startMs: 1_000 });
  const directory = await open(sim, { ...never, maxRetainedBytes: 10n });
  const state = await directory.append({ ...contents(5), retainedRecords: 2n });
  await directory.snapshot();
  expect(() => {
    directory.checkRetained(6n);
  }).toThrow("Retained bytes limit exceeded");
  await expect(directory.append(contents(11))).rejects.toMatchObject({ code: "KINESIS_RETAINED_LIMIT" });
  sim.disk.addFault({ operation: "dsyncWrite", path: "*wal.log", nth: 1, kind: "fail", code: "EIO" });
  await expect(directory.append(contents(6))).rejects.toMatchObject({ code: "STORAGE_WRITE_FAILED" });
  await directory.close();
  const path = "/state";
  expect(events).toEqual([
    ["opened", { path, recovery: directory.recovery, resumption: directory.resumption }],
    ["append", { path, createdAtMs: state.createdAtMs, entryBytes: expect.any(Number) as number, retainedBytes: 5n, retainedRecords: 2n }],
    ["snapshot", { path, createdAtMs: state.createdAtMs, snapshotBytes: expect.any(Number) as number }],
    ["rejected", { path, error: expect.objectContaining({ code: "KINESIS_RETAINED_LIMIT" }) as Error }],
    ["rejected", { path, error: expect.objectContaining({ code: "KINESIS_RETAINED_LIMIT" }) as Error }],
    ["poisoned", { path, error: expect.objectContaining({ code: "STORAGE_WRITE_FAILED" }) as Error }],
    ["closed", { path }],
  ]);
});

it("publishes that a snapshot failed", async () => {
  const events = listen();
  const sim: Sim = newSim();
  const directory = await open(sim, { snapshotIntervalSeconds: 1 });
  sim.disk.addFault({ operation: "rename", nth: 2, kind: "fail", code: "ENOSPC" });
  await directory.append(contents(1));
  await directory.close();
  expect(events).toContainEqual(["problem", { path: "/state", operation: "snapshot", error: expect.objectContaining({ code: "STORAGE_FULL" }) as Error }]);
  expect(directory.health.snapshotError?.code).toBe("STORAGE_FULL");
});

/** Everything that is published until the test ends, in order. */
function listen(): readonly (readonly [name: string, event: unknown])[] {
  const events: [string, unknown][] = [];
  for (const name of ["opened", "append", "snapshot", "rejected", "problem", "poisoned", "closed"]) {
    const note = (event: unknown): void => {
      events.push([name, event]);
    };
    subscribe(`holdfast:kinesis:${name}`, note);
    onTestFinished(() => {
      unsubscribe(`holdfast:kinesis:${name}`, note);
    });
  }
  return events;
}
