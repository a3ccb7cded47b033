/**
 * A child that does with a log everything that there is to do, once, and comes to an end whatever fails: four openings, one after the other.
 * After a write whose outcome is not known it tries one more, which must be refused, and opens the log anew.
 */
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";
import { openLog, type Log, type LogOptions } from "@holdfast/wal";

import { LOG_PREFIX, ownOptions } from "./child-options.js";
import { recordBytes } from "./record-bytes.js";
import { createReporter, waitForGo, type AttemptEnd } from "./reporter.js";

type SmallOptions = Pick<LogOptions, "segmentBytes" | "idleMarkerMs" | "durability">;

const SMALL: SmallOptions = { segmentBytes: 16 * 1024, idleMarkerMs: 2 };
/** Long enough for the log to mark its end, where the machine is not too busy. */
const MARKED_MS = 12;

const { root, firstToken, unfinished } = ownOptions();
const reporter = createReporter(firstToken);
waitForGo(reporter);
if (unfinished === true) await beginOnly();
else await everything();
reporter.say({ is: "done" });
process.kill(process.pid, "SIGKILL"); // Node's own way out makes calls that may be made to fail as well

async function beginOnly(): Promise<void> {
  const storage = await fsBackend({ root });
  const log = await openLog({ storage, prefix: LOG_PREFIX, ...SMALL });
  sayOpened(log, false);
  await append(log, [40]);
  await append(log, [30, 50, 20]);
  await append(log, [700]);
}

async function everything(): Promise<void> {
  await session(SMALL, false, async (log) => {
    const ends = await Promise.all([append(log, [10]), append(log, [300]), append(log, [5000]), append(log, [1, 2, 3])]);
    await pause(MARKED_MS);
    await drain(log);
    await goOn(log, ends);
  });
  await session(SMALL, false, async (log) => {
    // Over 16 KiB: segments change.
    const ends = [await append(log, [6000]), await append(log, [7000, 200]), await append(log, [9000]), await append(log, [8000])];
    const seq = log.durableSeq - 1;
    if (seq > log.firstSeq) ends.push(await reporter.attempt({ what: "trim", seq }, () => log.trim(seq)));
    await drain(log);
    await goOn(log, ends);
  });
  await session({ ...SMALL, durability: { syncEveryMs: 60_000 } }, true, async (log) => {
    const ends = [await append(log, [100]), await append(log, [9000]), await append(log, [9000, 10])];
    await reporter.run("sync", async () => {
      await log.sync();
      reporter.say({ is: "durable", seq: log.durableSeq });
    });
    await goOn(log, ends);
  });
  await session(SMALL, false, async (log) => {
    await goOn(log, [await append(log, [64])]);
  });
}

/** Opens, works, closes. Answers nothing: whatever fails is claimed. */
async function session(options: SmallOptions, relaxed: boolean, work: (log: Log) => Promise<void>): Promise<void> {
  let storage: FsBackend | undefined;
  const log = await reporter.run("open", async () => {
    storage = await fsBackend({ root });
    return openLog({ storage, prefix: LOG_PREFIX, ...options });
  });
  if (log !== undefined) {
    sayOpened(log, relaxed);
    await work(log);
    await reporter.run("close log", () => log.close());
  }
  await reporter.run("close backend", () => storage?.close() ?? Promise.resolve());
}

/** Once more: what a failed write has poisoned must refuse it, and what failed without harm may take it. */
async function goOn(log: Log, ends: readonly AttemptEnd[]): Promise<void> {
  if (ends.some((end) => end !== "acknowledged")) await append(log, [33]);
}

async function append(log: Log, sizes: readonly number[]): Promise<AttemptEnd> {
  const first = log.nextSeq;
  return reporter.attempt({ what: "append", first, sizes }, async (token) => {
    const records = sizes.map((size, index) => recordBytes(token, index, size));
    const [only] = records;
    const given = records.length === 1 && only !== undefined ? await log.append(only) : (await log.appendBatch(records)).first;
    if (given !== first) throw new Error(`the append of ${first} was answered with ${given}`);
  });
}

async function drain(log: Log): Promise<void> {
  await reporter.run("read", async () => {
    let next = log.firstSeq;
    for await (const { seq } of log.read()) {
      if (seq !== next++) throw new Error(`read ${seq} where ${next - 1} comes next`);
    }
  });
}

function sayOpened({ nextSeq, durableSeq, recovery }: Log, relaxed: boolean): void {
  reporter.say({ is: "opened", nextSeq, durableSeq, relaxed, copied: recovery.copiedRecords, torn: recovery.tornTail?.bytes ?? 0 });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
