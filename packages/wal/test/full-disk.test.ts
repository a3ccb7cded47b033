import type { Adversary } from "@holdfast/storage-sim";
import { describe, expect, test } from "vitest";
import { openLog, openLogReader, verifyLog, type Log } from "../src/index.js";
import { bytesOf, holdfastError, texts } from "./support/expecting.js";
import { History } from "./support/history.js";
import { ManualClock } from "./support/manual-clock.js";
import { simDiskPlace, type SimDiskPlace } from "./support/simulated-places.js";

// A simulated disk of so many bytes, over the real file system backend: what is told of a full disk holds for what is on it.

const MIB = 1024 * 1024;
const RECORD_BYTES = 400_000;

function openAt(place: SimDiskPlace): Promise<Log> {
  return place.open().then((storage) => openLog({ storage, prefix: "orders", segmentBytes: MIB, prepareAhead: false, clock: new ManualClock() }));
}

/** Five records in three segments, the last one unproven, left by a process that died. */
async function crashed(capacityBytes: number): Promise<{ place: SimDiskPlace; history: History }> {
  const place = simDiskPlace({ capacityBytes, adversary: ALL_BUT_ONE });
  const history = new History();
  const log = await openAt(place);
  for (let count = 0; count < 5; count++) expect(await history.append(log, [RECORD_BYTES])).toBeUndefined();
  await place.crash();
  return { place, history };
}

/** Takes all room but so many bytes, in whole blocks. Answers what gives it back. */
async function fill(place: SimDiskPlace, freeBytes: number): Promise<() => Promise<void>> {
  const used = [...place.disk.files().values()].reduce((sum, bytes) => sum + Math.ceil(bytes.length / 4096) * 4096, 0);
  const file = await place.disk.port().open("/ballast", { mode: "create" });
  const size = Math.floor((CAPACITY - used - freeBytes) / 4096) * 4096;
  expect(await file.write(new Uint8Array(size), 0)).toBe(size);
  await file.sync();
  await file.close();
  await place.disk.port().syncDirectory("/");
  return async () => {
    await place.disk.port().unlink("/ballast");
  };
}

const CAPACITY = 16 * MIB;
/** Of a write that fails partly all bytes but the last one are written. */
const ALL_BUT_ONE: Adversary = { choose: (label, count) => (label === "bytes of a failed write" ? count - 1 : 0) };

describe("a disk that is full when a log is opened", () => {
  test.each([
    ["nothing", 0],
    ["a header", 4096],
    ["a header and a begin", 8192],
    ["a part of the copies", 200_000],
  ])("with room for %s: it can be read as far as it is proven, and trimmed, and goes on when there is room", async (_what, freeBytes) => {
    const { place, history } = await crashed(CAPACITY);
    await fill(place, freeBytes);
    const log = await openAt(place);
    expect(log.recovery).toMatchObject({ readOnlyUntilTrimmed: true, copiedRecords: 1 });
    expect([log.firstSeq, log.durableSeq, log.nextSeq]).toEqual([1, 4, 6]);
    expect((await texts(log)).length).toBe(4);
    const reader = await openLogReader({ storage: await place.open(), prefix: "orders", clock: new ManualClock() });
    expect((await texts(reader)).length, "what is not proven is nobody's").toBe(4);
    expect((await holdfastError(log.append(bytesOf("refused")), "STORAGE_FULL")).outcome).toBe("not_applied");
    // The reserve has room for the begin, and what the trim removes for the copy.
    expect(await history.trim(log, 3)).toBeUndefined();
    expect(log.recovery.readOnlyUntilTrimmed).toBe(false);
    expect([log.firstSeq, log.durableSeq, log.nextSeq]).toEqual([3, 5, 6]);
    expect(await history.append(log)).toBeUndefined();
    await place.losePower();
    const again = await openAt(place);
    await history.check(again);
    expect([again.firstSeq, again.nextSeq]).toEqual([3, 7]);
    await again.close();
    expect((await verifyLog({ storage: await place.open(), prefix: "orders" })).findings).toEqual([]);
  });

  test("a trim whose floor is durable is done, although there is no room for the copies yet", async () => {
    const { place, history } = await crashed(CAPACITY);
    const makeRoom = await fill(place, 0);
    const log = await openAt(place);
    // Record 2 is in the first file, which stays; the reserve has room for the header and the begin, and then somebody else is faster.
    place.disk.addFault({ operation: "dsyncWrite", path: "*.wal", nth: 3, times: Infinity, kind: "fail", code: "ENOSPC" });
    expect(await history.trim(log, 2)).toBeUndefined();
    expect([log.firstSeq, log.durableSeq]).toEqual([2, 4]);
    expect(log.recovery.readOnlyUntilTrimmed).toBe(true);
    expect((await holdfastError(log.append(bytesOf("refused")), "STORAGE_FULL")).outcome).toBe("not_applied");
    expect(await history.trim(log, 2), "where the floor stands").toBeUndefined();
    expect(log.recovery.readOnlyUntilTrimmed).toBe(true);
    expect((await texts(log)).length).toBe(3);
    await place.losePower();
    const again = await openAt(place);
    expect([again.firstSeq, again.recovery.readOnlyUntilTrimmed]).toEqual([2, true]);
    place.disk.heal();
    await makeRoom();
    expect(await history.trim(again, 2), "asks for the copies once more").toBeUndefined();
    expect(again.recovery.readOnlyUntilTrimmed).toBe(false);
    expect(await history.append(again)).toBeUndefined();
    await again.close();
    await history.check(await openAt(place));
  });

  test.each([0, 200_000])("a trim that makes no room leaves enough for one that does (%i bytes free)", async (freeBytes) => {
    const { place, history } = await crashed(CAPACITY);
    await fill(place, freeBytes);
    const log = await openAt(place);
    // Records 1 and 2 are in the first file. The copies find the room of the reserve, which is not enough for them.
    expect(await history.trim(log, 2)).toBeUndefined();
    expect([log.firstSeq, log.recovery.readOnlyUntilTrimmed]).toEqual([2, true]);
    expect(await history.trim(log, 3)).toBeUndefined();
    expect([log.firstSeq, log.recovery.readOnlyUntilTrimmed]).toEqual([3, false]);
    expect(await history.append(log)).toBeUndefined();
    await place.losePower();
    await history.check(await openAt(place));
  });

  test("there is nothing to copy: it can be trimmed all the same, and goes on when there is room", async () => {
    const place = simDiskPlace({ capacityBytes: CAPACITY, adversary: ALL_BUT_ONE });
    const history = new History();
    const first = await openAt(place);
    for (let count = 0; count < 5; count++) expect(await history.append(first, [RECORD_BYTES])).toBeUndefined();
    await first.close();
    await fill(place, 0);
    const log = await openAt(place);
    expect(log.recovery).toMatchObject({ readOnlyUntilTrimmed: false, closedCleanly: true });
    expect((await holdfastError(log.append(bytesOf("refused")), "STORAGE_FULL")).outcome).toBe("not_applied");
    expect(await history.trim(log, 3)).toBeUndefined();
    expect([...place.disk.files().keys()].filter((path) => path.endsWith("/00000000000000000001.wal")), "an append that follows at once finds the room").toEqual([]);
    expect(await history.append(log)).toBeUndefined();
    await place.losePower();
    const again = await openAt(place);
    await history.check(again);
    expect([again.firstSeq, again.nextSeq]).toEqual([3, 7]);
    await again.close();
  });

  test("while it is open, and its segment has no room for a trim either: the next one finds the room of the reserve", async () => {
    const place = simDiskPlace({ capacityBytes: CAPACITY, adversary: ALL_BUT_ONE });
    const history = new History();
    const log = await openAt(place);
    for (let count = 0; count < 2; count++) expect(await history.append(log, [RECORD_BYTES])).toBeUndefined();
    expect(await history.append(log, [MIB - 8192 - 100]), "fills the second one").toBeUndefined();
    expect(log.stats().segment).toBe(2);
    await fill(place, 0);
    expect(await history.trim(log, 3)).toBeUndefined();
    expect(log.stats().segment).toBeGreaterThan(2);
    expect(await history.append(log)).toBeUndefined();
    await place.losePower();
    await history.check(await openAt(place));
  });

  test.each([1, 2])("a trim that is told not to be applied is not applied, nor one higher that failed before (%i)", async (tries) => {
    const { place, history } = await crashed(CAPACITY);
    const makeRoom = await fill(place, 0);
    const log = await openAt(place);
    // All of the begin is written but some of the zeros behind it, and then there is no room.
    place.disk.addFault({ operation: "dsyncWrite", path: "*.wal", nth: 2, kind: "failPartly", code: "ENOSPC" });
    expect(await history.trim(log, 3)).toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied" });
    expect([log.firstSeq, log.recovery.readOnlyUntilTrimmed]).toEqual([1, true]);
    await makeRoom();
    if (tries === 2) expect(await history.trim(log, 2), "nothing is poisoned").toBeUndefined();
    await place.crash();
    const again = await openAt(place);
    expect(again.firstSeq).toBe(tries);
    await history.check(again);
    await again.close();
  });

  test("a trim by the first segment of a handle is not applied either", async () => {
    const place = simDiskPlace({ capacityBytes: CAPACITY, adversary: ALL_BUT_ONE });
    const history = new History();
    const first = await openAt(place);
    for (let count = 0; count < 5; count++) await history.append(first);
    await first.close();
    const log = await openAt(place);
    // The second begin is the one in the room of the reserve.
    for (const nth of [2, 4]) place.disk.addFault({ operation: "dsyncWrite", path: "*.wal", nth, kind: "failPartly", code: "ENOSPC" });
    expect(await history.trim(log, 3)).toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied" });
    expect(log.firstSeq).toBe(1);
    await place.crash();
    const again = await openAt(place);
    expect(again.firstSeq).toBe(1);
    await history.check(again);
  });

  test("a reserve that cannot be removed leaves everything as it is", async () => {
    const place = simDiskPlace({ capacityBytes: CAPACITY, adversary: ALL_BUT_ONE });
    const history = new History();
    const first = await openAt(place);
    for (let count = 0; count < 5; count++) await history.append(first, [RECORD_BYTES]);
    await first.close();
    const makeRoom = await fill(place, 0);
    const log = await openAt(place);
    place.disk.addFault({ operation: "unlink", path: "*/reserve.wal", nth: 1, kind: "fail", code: "EIO" });
    expect(await history.trim(log, 3)).toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied" });
    expect(log.firstSeq).toBe(1);
    await makeRoom();
    expect(await history.trim(log, 3), "nothing is poisoned").toBeUndefined();
    await history.check(log);
    await log.close();
  });

  test("what may have been applied, and cannot be removed, is told as unknown", async () => {
    const { place } = await crashed(CAPACITY);
    const makeRoom = await fill(place, 0);
    const log = await openAt(place);
    place.disk.addFault({ operation: "dsyncWrite", path: "*.wal", nth: 2, kind: "failPartly", code: "ENOSPC" });
    place.disk.addFault({ operation: "unlink", path: "*/segment/*", nth: 1, kind: "fail", code: "EIO" });
    expect((await holdfastError(log.trim(3), "WAL_POISONED")).outcome).toBe("unknown");
    await makeRoom();
    await place.crash();
    expect((await openAt(place)).firstSeq).toBe(3);
  });
});
