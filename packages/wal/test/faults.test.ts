import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { StorageBackend } from "@holdfast/storage";
import { isThorough } from "@holdfast/test-worlds";
import { describe, expect, onTestFinished, test } from "vitest";
import { openLog, verifyLog, type Log, type LogOptions, type LogProblemEvent } from "../src/index.js";
import { directoryPlace, type DirectoryPlace } from "./support/backends.js";
import { all, bytesOf, holdfastError, payload, settled, texts, until, walError } from "./support/expecting.js";
import { faultPort, type Fault, type FaultPort, type FaultPortOptions, type PortCall } from "./support/fault-port.js";
import { History, textOf } from "./support/history.js";
import { ManualClock } from "./support/manual-clock.js";

const MIB = 1024 * 1024;

interface Faulty {
  readonly place: DirectoryPlace;
  readonly port: FaultPort;
  readonly storage: StorageBackend;
}

async function faulty(options: FaultPortOptions = {}): Promise<Faulty> {
  const place = await directoryPlace();
  const port = faultPort(options);
  return { place, port, storage: await place.openOver(port) };
}

function openOn(storage: StorageBackend, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ storage, prefix: "orders", clock: new ManualClock(), ...options, codec: undefined });
}

/** The nth call that matches fails. */
function failNth(port: FaultPort, nth: number, matches: (call: PortCall) => boolean, fault: Fault): void {
  let count = 0;
  port.onCall = (call) => (matches(call) && ++count === nth ? fault : undefined);
}

const isWrite = (call: PortCall): boolean => call.name === "write" && call.file.endsWith(".wal");
const isCommit = (call: PortCall): boolean => isWrite(call) && call.bytes < 4096;

describe("a failed write", () => {
  test.each([
    ["EIO", { code: "EIO" }],
    ["ENOSPC", { code: "ENOSPC" }],
    ["EIO, the bytes in the cache", { code: "EIO", applied: true }],
    ["a short write, and no room for the rest", { written: 30 }],
  ] as const)("poisons: %s", async (_name, fault) => {
    const { place, port, storage } = await faulty({ evictable: true });
    const log = await openOn(storage);
    await log.append(bytesOf("a"));
    const inTurn: Fault[] = [fault, { code: "ENOSPC" }];
    port.onCall = (call) => (isCommit(call) ? inTurn.shift() : undefined);
    const failing = log.append(bytesOf("b"));
    await until(() => log.stats().pendingRecords === 1 && port.calls.length > 0);
    const error = await walError(failing, "WAL_POISONED");
    expect(error).toMatchObject({ outcome: "unknown", firstSeq: 2, lastSeq: 2, retryable: false });
    expect(error.key).toContain("segment/");
    expect(error.message).toContain("compare nextSeq with 2");
    expect(error.cause).toBeDefined();
    port.onCall = undefined;
    expect(await walError(log.append(bytesOf("c")), "WAL_POISONED")).toMatchObject({ outcome: "not_applied", firstSeq: 2, lastSeq: 2 });
    await walError(log.sync(), "WAL_POISONED");
    await walError(log.trim(1), "WAL_POISONED");
    expect(await texts(log)).toEqual(["1:a"]);
    const before = port.calls.length;
    await log.close();
    expect(port.calls.slice(before).filter(isWrite), "it writes nothing more").toEqual([]);
    const again = await openOn(await place.open());
    const isKept = again.nextSeq > 2;
    expect(isKept).toBe("applied" in fault);
    // Three bytes of padding before it.
    expect(again.recovery.tornTail?.bytes).toBe("written" in fault ? 3 + 30 : undefined);
    expect(await texts(again)).toEqual(isKept ? ["1:a", "2:b"] : ["1:a"]);
    await again.append(bytesOf("d"));
    await again.close();
    await port.evict();
    const last = await openOn(await place.open());
    expect(await texts(last)).toEqual(isKept ? ["1:a", "2:b", "3:d"] : ["1:a", "2:d"]);
    await last.close();
  });

  test("of which the bytes are only in the cache takes nothing along that was shown", async () => {
    const { place, port, storage } = await faulty({ evictable: true });
    const history = new History();
    const log = await openOn(storage);
    await history.append(log);
    failNth(port, 1, isCommit, { code: "EIO", applied: true });
    await history.append(log);
    await log.close();
    // Two openings copy it from file to file, the second over a failed copy of its own.
    const second = faultPort({ evictable: true });
    const storage2 = await place.openOver(second);
    failNth(second, 3, isWrite, { code: "EIO", applied: true });
    await holdfastError(openOn(storage2), "STORAGE_WRITE_FAILED");
    second.onCall = undefined;
    const third = await openOn(storage2);
    await history.check(third);
    expect(third.nextSeq).toBe(3);
    await place.crash();
    await second.evict();
    await port.evict();
    const last = await openOn(await place.open());
    await history.check(last);
    expect(last.nextSeq).toBe(3);
    await last.close();
  });

  test.each([
    ["", 0],
    [", but for its first block,", 4096],
  ])("that%s leaves the cache between plan and copy is planned again", async (_what, keptBytes) => {
    const { place, port, storage } = await faulty({ evictable: true });
    const history = new History();
    const log = await openOn(storage);
    await history.append(log);
    await history.append(log, [5000]);
    failNth(port, 1, (call) => isWrite(call) && call.bytes === 48 + 4 + 9000, { code: "EIO", applied: true });
    await history.append(log, [9000]);
    await log.close();
    const second = faultPort();
    const storage2 = await place.openOver(second);
    // When the first byte of the new segment is written the plan has been made.
    let isEvicted = false;
    second.onCall = (call) => {
      if (isEvicted || !isWrite(call)) return undefined;
      isEvicted = true;
      return { until: port.evict(keptBytes) };
    };
    const again = await openOn(storage2);
    expect(isEvicted).toBe(true);
    expect(again.nextSeq).toBe(3);
    await history.check(again);
    expect(await history.append(again)).toBeUndefined();
    await again.close();
    await history.check(await openOn(await place.open()));
  });

  test("of a marker poisons too, and takes nothing along", async () => {
    const clock = new ManualClock();
    const { place, port, storage } = await faulty();
    const log = await openOn(storage, { clock });
    await log.append(bytesOf("a"));
    failNth(port, 1, isWrite, { code: "EIO" });
    clock.advance(60);
    await settled();
    await walError(log.append(bytesOf("b")), "WAL_POISONED");
    await log.close();
    const again = await openOn(await place.open());
    expect(await texts(again)).toEqual(["1:a"]);
    await again.close();
  });

  test("of a trim leaves the floor where it was, or where it was asked for", async () => {
    for (const fault of [{ code: "EIO" }, { code: "EIO", applied: true }]) {
      const { place, port, storage } = await faulty();
      const log = await openOn(storage);
      for (const text of ["a", "b", "c"]) await log.append(bytesOf(text));
      failNth(port, 1, isWrite, fault);
      await walError(log.trim(3), "WAL_POISONED");
      expect(log.firstSeq).toBe(1);
      await log.close();
      const again = await openOn(await place.open());
      expect([1, 3]).toContain(again.firstSeq);
      expect((await texts(again)).at(-1)).toBe("3:c");
      await again.close();
    }
  });

  test("of the seal is told by close, and harms nothing", async () => {
    const { place, port, storage } = await faulty();
    const log = await openOn(storage);
    await log.append(bytesOf("a"));
    failNth(port, 1, isWrite, { code: "EIO" });
    await holdfastError(log.close(), "STORAGE_WRITE_FAILED");
    port.onCall = undefined;
    const again = await openOn(await place.open());
    expect(again.recovery.closedCleanly).toBe(false);
    expect(await texts(again)).toEqual(["1:a"]);
    await again.close();
  });

  test("of a sync in a relaxed log names the first record that may be lost", async () => {
    const { place, port, storage } = await faulty({ evictable: true });
    const durability = { syncEveryMs: 60_000 };
    const log = await openOn(storage, { durability });
    await log.append(bytesOf("a"));
    await log.sync();
    await log.append(bytesOf("b"));
    await log.append(bytesOf("c"));
    failNth(port, 1, (call) => call.name === "datasync", { code: "EIO" });
    expect(await walError(log.sync(), "WAL_POISONED")).toMatchObject({ outcome: "unknown", firstSeq: 2, lastSeq: 3 });
    expect(log.durableSeq).toBe(1);
    port.onCall = undefined;
    expect(await walError(log.close(), "WAL_POISONED"), "answered appends may be lost: it is told once more").toMatchObject({ firstSeq: 2, lastSeq: 3 });
    await port.evict();
    const again = await openOn(await place.open(), { durability });
    expect(await texts(again)).toEqual(["1:a"]);
    await again.close();
  });
});

describe("a failed preparation", () => {
  test.each(["EMFILE", "ENFILE", "ENOSPC", "EDQUOT"])("of a segment is harmless: %s", async (code) => {
    const { place, port, storage } = await faulty();
    const history = new History();
    const log = await openOn(storage, { segmentBytes: MIB, prepareAhead: false });
    const failures: ((call: PortCall) => boolean)[] = [
      (call) => call.name === "open create" && call.file.endsWith(".wal"),
      (call) => isWrite(call) && call.bytes === 4096,
      // The second write of a file is its begin.
      (call) => isWrite(call) && port.calls.filter((it) => isWrite(it) && it.file === call.file).length === 2,
    ];
    for (const matches of failures) {
      failNth(port, 1, matches, { code });
      expect(await history.append(log, [600_000])).toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied" });
      port.onCall = undefined;
      expect(await history.append(log, [600_000])).toBeUndefined();
    }
    await log.close();
    const again = await openOn(await place.open());
    await history.check(again);
    expect(again.nextSeq).toBe(4);
    await again.close();
  });

  test("of space ahead for lack of room is not noticed", async () => {
    const { place, port, storage } = await faulty();
    const history = new History();
    const log = await openOn(storage);
    port.onCall = (call) => (isFill(call) ? { code: "ENOSPC" } : undefined);
    for (let count = 0; count < 50; count++) expect(await history.append(log, [200])).toBeUndefined();
    await log.close();
    await history.check(await openOn(await place.open()));
  });

  test("of space ahead that leaves the file in doubt poisons, since the next append could not be kept either", async () => {
    const { place, port, storage } = await faulty();
    const history = new History();
    const log = await openOn(storage);
    let failed = false;
    port.onCall = (call) => {
      if (!isFill(call)) return undefined;
      failed = true;
      return { code: "EIO" };
    };
    let error: unknown;
    for (let count = 0; count < 50 && error === undefined; count++) {
      error = await history.append(log, [2000]);
      await settled();
    }
    expect(failed).toBe(true);
    expect(error).toMatchObject({ code: "WAL_POISONED" });
    port.onCall = undefined;
    expect(await history.append(log)).toMatchObject({ code: "WAL_POISONED", outcome: "not_applied" });
    await log.close();
    const again = await openOn(await place.open());
    await history.check(again);
    expect(await history.append(again)).toBeUndefined();
    await again.close();
  });

  test("of the next segment is told as a problem, and made up for", async () => {
    const { port, storage } = await faulty();
    const problems: LogProblemEvent[] = [];
    listen("holdfast:wal:problem", (event) => problems.push(event as LogProblemEvent));
    const log = await openOn(storage, { segmentBytes: MIB });
    await log.append(payload("a", 500_000));
    for (const code of ["EIO", "EMFILE"]) {
      failNth(port, 1, (call) => call.name === "open create" && call.file.endsWith(".wal"), { code });
      await log.append(payload("b", 300_000));
      await settled();
      await log.append(payload("c", 300_000));
      port.onCall = undefined;
      await log.append(payload("d", 300_000));
    }
    expect(problems.map((it) => it.what)).toContain("prepare the next segment");
    expect(log.stats().rotations).toBeGreaterThan(1);
    await log.close();
  });
});

describe("power loss in a relaxed log", () => {
  const losses: Record<string, (index: number) => boolean> = {
    "everything that was not synced": () => true,
    "every second write that was not synced": (index) => index % 2 === 0,
    "every other second one": (index) => index % 2 === 1,
    "all but the last that was not synced": (index) => index !== 3,
  };

  test.each(Object.entries(losses))("takes a part of the end, and nothing that was synced: %s", async (_name, isLost) => {
    // Six large records reach over two rotations.
    for (let appends = 1; appends <= 9; appends++) {
      const { place, port, storage } = await faulty({ evictable: true });
      const log = await openOn(storage, { durability: { syncEveryMs: 60_000 }, segmentBytes: MIB, prepareAhead: false });
      for (let seq = 1; seq <= appends; seq++) {
        await log.append(payload(`r${seq}`, seq > 2 ? 400_000 : 100));
        if (seq === 2 || seq === 6) await log.sync();
      }
      const { durableSeq } = log;
      await place.crash();
      await port.loseUnsynced(isLost);
      const again = await openOn(await place.open());
      expect(again.nextSeq).toBeGreaterThan(durableSeq);
      const names = (await all(again.read())).map(({ seq, value }) => `${seq}:${textOf(value)}`);
      expect(names).toEqual(Array.from({ length: again.nextSeq - 1 }, (_, index) => `${index + 1}:r${index + 1}`));
      expect(await again.append(bytesOf("x"))).toBe(names.length + 1);
      await again.close();
      expect((await verifyLog({ storage: await place.open(), prefix: "orders" })).findings).toEqual([]);
      await place.clear();
    }
  });
});

describe("what goes on in the background", () => {
  test("a file that cannot be removed is removed later, and the trim holds", async () => {
    const { place, port, storage } = await faulty();
    const problems: LogProblemEvent[] = [];
    listen("holdfast:wal:problem", (event) => problems.push(event as LogProblemEvent));
    const log = await openOn(storage, { segmentBytes: MIB });
    for (let seq = 1; seq <= 8; seq++) await log.append(payload(`r${seq}`, 400_000));
    port.onCall = (call) => (call.name === "unlink" ? { code: "EIO" } : undefined);
    await log.trim(7);
    await settled();
    expect(problems.map((it) => it.what)).toEqual(["remove trimmed segments"]);
    expect(log.firstSeq).toBe(7);
    const files = (await place.files()).size;
    port.onCall = undefined;
    await log.trim(8);
    await log.close();
    expect((await place.files()).size).toBeLessThan(files);
  });

  test("a file that cannot be removed is removed by a later opening", async () => {
    const { place, port, storage } = await faulty();
    const log = await openOn(storage, { segmentBytes: MIB });
    for (let seq = 1; seq <= 8; seq++) await log.append(payload(`r${seq}`, 400_000));
    port.onCall = (call) => (call.name === "unlink" ? { code: "EIO" } : undefined);
    await log.trim(7);
    // That the segment made ahead could not be removed either is told by close.
    await holdfastError(log.close(), "STORAGE_REMOVE_FAILED");
    const files = (await place.files()).size;
    const again = await openOn(await place.open());
    expect(again.firstSeq).toBe(7);
    await again.append(bytesOf("x"));
    await again.close();
    expect((await place.files()).size).toBeLessThan(files);
  });
});

describe("reading", () => {
  test("an error of the file system is told as one, and passes", async () => {
    const { port, storage } = await faulty();
    const log = await openOn(storage);
    for (const text of ["a", "b"]) await log.append(bytesOf(text));
    for (const code of ["EIO", "EMFILE"]) {
      port.onCall = (call) => (call.name === "open read" ? { code } : undefined);
      const error = await holdfastError(texts(log), code === "EIO" ? "WAL_READ_FAILED" : "STORAGE_FULL");
      expect(error.key).toContain("segment/");
      port.onCall = undefined;
      expect(await texts(log)).toEqual(["1:a", "2:b"]);
    }
    await log.close();
  });

  test("verify tells it as a finding, also where nothing has to be read", async () => {
    const { place, storage } = await faulty();
    const log = await openOn(storage);
    await log.append(bytesOf("a"));
    await place.crash();
    const port = faultPort();
    const again = await place.openOver(port);
    for (let failAt = 1; ; failAt++) {
      const before = port.calls.length;
      failNth(port, failAt, (call) => call.name === "open read", { code: "EIO" });
      const { findings } = await verifyLog({ storage: again, prefix: "orders" });
      await settled();
      if (port.calls.length < before + failAt) {
        expect(failAt).toBeGreaterThan(1);
        expect(findings).toEqual([]);
        break;
      }
      expect(findings.map((it) => it.code)).toEqual(["WAL_READ_FAILED"]);
    }
  });
});

describe("opening", () => {
  test("that fails at any call leaves no lock and no open file, and the next one succeeds", async () => {
    const { place, storage } = await faulty();
    const history = new History();
    let log = await openOn(storage);
    await history.append(log);
    await log.close();
    // A usual run takes one of them for each call.
    for (const codes of isThorough ? [["EIO"], ["EMFILE"], ["ENOSPC"]] : [["EIO", "EMFILE", "ENOSPC"]]) {
      for (let failAt = 1; ; failAt++) {
        const code = codes[failAt % codes.length]!;
        log = await openOn(await place.open());
        await history.append(log);
        await history.append(log);
        await place.crash();
        const next = faultPort();
        const backend = await place.openOver(next);
        const calls = next.calls.length;
        next.onCall = (call) => (call.number === calls + failAt ? { code } : undefined);
        let opened: Log | undefined;
        try {
          opened = await openOn(backend);
        } catch (error) {
          expect(error).toHaveProperty("operation");
        }
        const reached = next.calls.length >= calls + failAt;
        next.onCall = undefined;
        await opened?.close();
        await backend.close();
        expect(next.openFiles, `${code} at ${failAt}: ${next.calls.at(calls + failAt - 1)?.name ?? ""}`).toBe(0);
        const again = await openOn(await place.open());
        await history.check(again);
        await again.close();
        if (!reached) break;
      }
    }
  });
});

/*
 * One fault at every call of a script, of every kind that the call can have; then the log is opened again, the cache forgets
 * what is not on disk, and it is opened once more.
 */
describe("one fault anywhere", () => {
  // A usual run takes some of the calls; a thorough one every call with every kind of fault.
  const ways: { name: string; port: FaultPortOptions; log: Partial<LogOptions>; stride: number }[] = [
    { name: "synced writes", port: { appendMode: "dsync" }, log: {}, stride: 2 },
    { name: "writes, then syncs", port: { appendMode: "write-then-sync" }, log: {}, stride: 4 },
    { name: "relaxed", port: { appendMode: "dsync" }, log: { durability: { syncEveryMs: 60_000 } }, stride: 3 },
  ];

  test.each(ways)("$name", { timeout: 600_000 }, async ({ port, log, stride }) => {
    const kinds: (readonly Fault[])[] = isThorough ? EVERY_KIND.map((it) => [it]) : [EVERY_KIND];
    let faults = 0;
    for (const kind of kinds) {
      for (let number = 1; ; number += isThorough ? 1 : stride) {
        const fault = kind[faults % kind.length]!;
        const reached = await oneFault(number, fault, { ...port, evictable: true }, log);
        if (!reached) break;
        faults++;
      }
    }
    expect(faults).toBeGreaterThan(20);
  });

  test.each(ways)("and from there on, $name", { timeout: 600_000 }, async ({ port, log }) => {
    for (const fault of [{ code: "EIO" }, { code: "ENOSPC" }] as const) {
      for (let number = 1; await oneFault(number, fault, { ...port, evictable: true }, log, true); number += isThorough ? 1 : 11);
    }
  });
});

const EVERY_KIND: readonly Fault[] = [{ code: "EIO", applied: true }, { written: 40 }, { code: "ENOSPC" }, { code: "EMFILE" }, { code: "EIO" }];

/** Runs the script with a fault at call `number`, or at all from there on. Answers whether there was such a call. */
async function oneFault(number: number, fault: Fault, portOptions: FaultPortOptions, options: Partial<LogOptions>, forEver = false): Promise<boolean> {
  const place = await directoryPlace();
  const history = new History();
  const port = faultPort(portOptions);
  port.onCall = (call) => (call.number === number || (forEver && call.number > number) ? fault : undefined);
  try {
    await life(place, port, history, options);
    const reached = port.calls.length >= number;
    port.onCall = undefined;
    // A second life, on what the first one left in the cache.
    const storage = await place.openOver(port);
    const log = await openOn(storage, options);
    await history.check(log);
    expect(await history.append(log)).toBeUndefined();
    if (number % 2 === 0) await log.close();
    await place.crash();
    await port.evict();
    const last = await openOn(await place.open(), options);
    await history.check(last);
    expect(await history.append(last)).toBeUndefined();
    await last.close();
    expect((await verifyLog({ storage: await place.open(), prefix: "orders" })).findings).toEqual([]);
    await place.clear();
    return reached;
  } catch (error) {
    const call = port.calls[number - 1];
    throw new Error(`${JSON.stringify(fault)}${forEver ? " for ever" : ""} at call ${number}: ${call?.name ?? ""} ${call?.file ?? ""} ${call?.bytes ?? 0}`, { cause: error });
  }
}

/** Two openings with appends, a trim and a closing each; whatever fails is taken as it comes. */
async function life(place: DirectoryPlace, port: FaultPort, history: History, options: Partial<LogOptions>): Promise<void> {
  for (let round = 0; round < 2; round++) {
    let storage: StorageBackend;
    let log: Log;
    try {
      storage = await place.openOver(port);
    } catch {
      continue; // The backend could not be opened.
    }
    const idle = port.openFiles;
    try {
      log = await openOn(storage, { segmentBytes: MIB, ...options });
    } catch (error) {
      expect(error).toHaveProperty("operation");
      expect(port.openFiles).toBe(idle);
      continue;
    }
    const durability = "synced";
    for (let count = 0; count < 3; count++) await history.append(log, [count * 100], { durability });
    await history.trim(log, log.durableSeq);
    await history.append(log, [400_000, 500_000], { durability });
    await history.append(log, [300_000], { durability });
    await log.close().catch(() => undefined); // What failed is told once more, or concerns only the closing.
    expect(port.openFiles).toBe(idle);
  }
}

function isFill(call: PortCall): boolean {
  // Zeros are written through a descriptor of their own, in steps of at least a block, and never at once with a commit.
  return isWrite(call) && call.bytes > 4096 && call.bytes % 4096 === 0;
}

function listen(name: string, listener: (event: unknown) => void): void {
  subscribe(name, listener);
  onTestFinished(() => {
    unsubscribe(name, listener);
  });
}
