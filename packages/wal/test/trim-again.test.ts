import { expect, test } from "vitest";
import { openLog, type Log, type LogOptions } from "../src/index.js";
import { directoryPlace, type DirectoryPlace } from "./support/backends.js";
import { bytesOf, settled, texts, walError } from "./support/expecting.js";
import { faultPort, type FaultPort, type PortCall } from "./support/fault-port.js";
import { ManualClock } from "./support/manual-clock.js";

/*
 * A trim at a floor that the log shows already. Where the floor is known to be durable there is nothing to do; where an
 * interrupted trim left it in the cache, power loss may take it, and the trim that is answered must outlast that.
 */

const RELAXED = { durability: { syncEveryMs: 60_000 } };
const modes: [string, Partial<LogOptions>][] = [
  ["synced", {}],
  ["relaxed", RELAXED],
];

async function openOver(place: DirectoryPlace, port: FaultPort, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ storage: await place.openOver(port), prefix: "orders", clock: new ManualClock(), ...options, codec: undefined });
}

/** A log with the records 1 to 4, closed. */
async function fourRecords(place: DirectoryPlace, options: Partial<LogOptions>): Promise<void> {
  const log = await openOver(place, faultPort(), options);
  for (const text of ["a", "b", "c", "d"]) await log.append(bytesOf(text));
  await log.close();
}

/** What makes a write durable fails where the write matches: it is readable, and not on the disk. In a relaxed log that is the flush behind it. */
function failOnce(port: FaultPort, options: Partial<LogOptions>, matches: (call: PortCall) => boolean): void {
  let last: PortCall | undefined;
  let failed = false;
  port.onCall = (call) => {
    const [before, isRelaxed] = [last, options === RELAXED];
    if (call.name === "write") last = call;
    const write = isRelaxed ? before : call;
    if (failed || call.name !== (isRelaxed ? "datasync" : "write") || write === undefined || !matches(write)) return undefined;
    failed = true;
    return isRelaxed ? { code: "EIO" } : { code: "EIO", applied: true };
  };
}

/** The second write of a file. */
const isBegin = (port: FaultPort) => (call: PortCall) =>
  port.calls.filter((it) => it.name === "write" && it.file === call.file && it.number <= call.number).length === 2;
const isTrimFrame = (call: PortCall): boolean => call.bytes === 48 + 16;

test.each(modes)("that stands in a begin which was never flushed is written again, %s", async (_name, options) => {
  const place = await directoryPlace();
  await fourRecords(place, options);
  const port = faultPort({ evictable: true });
  const first = await openOver(place, port, options);
  // Without a segment of its own the trim is a begin.
  failOnce(port, options, isBegin(port));
  await walError(first.trim(3), "WAL_POISONED");
  await place.crash();

  const second = await openOver(place, faultPort(), options);
  expect(second.firstSeq, "the floor can be read").toBe(3);
  for (const seq of [2, 3]) await second.trim(seq);
  await place.crash();
  await port.evict();
  const last = await openOver(place, faultPort(), options);
  expect(last.firstSeq).toBe(3);
  expect(await texts(last)).toEqual(["3:c", "4:d"]);
  await last.close();
});

test.each(modes)("that stands in a trim frame which was never flushed is written again, %s", async (_name, options) => {
  const place = await directoryPlace();
  await fourRecords(place, options);
  const port = faultPort({ evictable: true });
  const first = await openOver(place, port, options);
  await first.append(bytesOf("e"), { durability: "synced" });
  failOnce(port, options, isTrimFrame);
  await walError(first.trim(3), "WAL_POISONED");
  await place.crash();

  const second = await openOver(place, faultPort(), options);
  expect(second.firstSeq, "the floor can be read").toBe(3);
  await second.trim(3);
  await place.crash();
  await port.evict();
  const last = await openOver(place, faultPort(), options);
  expect(last.firstSeq).toBe(3);
  expect(await texts(last)).toEqual(["3:c", "4:d", "5:e"]);
  await last.close();
});

test.each(modes)("writes nothing where the floor is proven, or stands in what this handle wrote, %s", async (_name, options) => {
  const place = await directoryPlace();
  await fourRecords(place, options);
  const port = faultPort();
  let log = await openOver(place, port, options);
  const expectNothingWritten = async (...seqs: number[]): Promise<void> => {
    await settled();
    const calls = port.calls.length;
    for (const seq of seqs) await log.trim(seq);
    expect(port.calls.slice(calls)).toEqual([]);
  };
  await expectNothingWritten(1);
  await log.trim(3);
  await expectNothingWritten(1, 3, 2);
  await log.append(bytesOf("e"), { durability: "synced" });
  await log.trim(4);
  await expectNothingWritten(4, 1);
  // The seal proves the trim.
  await log.close();
  log = await openOver(place, port, options);
  expect(log.firstSeq).toBe(4);
  await expectNothingWritten(3, 4);
  await log.append(bytesOf("f"), { durability: "synced" });
  await expectNothingWritten(4);
  await place.crash();
});

test("that is proven in part writes nothing as far as it is", async () => {
  const place = await directoryPlace();
  await fourRecords(place, {});
  const first = await openOver(place, faultPort());
  await first.append(bytesOf("e"));
  await first.trim(3);
  await first.append(bytesOf("f"));
  await first.trim(5);
  await place.crash();
  // Nothing stands behind the second trim.
  const port = faultPort();
  const log = await openOver(place, port);
  expect(log.firstSeq).toBe(5);
  const calls = port.calls.length;
  await log.trim(3);
  expect(port.calls.length).toBe(calls);
  await log.trim(4);
  expect(port.calls.length).toBeGreaterThan(calls);
  expect(log.firstSeq).toBe(5);
  await settled();
  const again = port.calls.length;
  await log.trim(5);
  expect(port.calls.length).toBe(again);
  expect(await texts(log)).toEqual(["5:e", "6:f"]);
  await log.close();
});
