/**
 * A child that appends to a log for ever, until it is killed, its disk is gone, or its log poisoned: single records and batches, several at a
 * time, with pauses in which the log marks its end, and a trim now and then.
 */
import { fsBackend } from "@holdfast/storage-fs";
import { openLog, type Log } from "@holdfast/wal";

import { seededRandom, type Random } from "../random.js";
import { LOG_PREFIX, ownOptions } from "./child-options.js";
import { recordBytes } from "./record-bytes.js";
import { createReporter, waitForGo } from "./reporter.js";

/** The least there is, so that segments change. */
const SEGMENT_BYTES = 1024 * 1024;
const SMALL_BYTES = 500;
const KEPT_RECORDS = 400;

const options = ownOptions();
const reporter = createReporter(options.firstToken);
waitForGo(reporter);
await reporter.run("work", work);
reporter.say({ is: "done" });

async function work(): Promise<void> {
  const { root, seed, inFlight, syncEveryMs } = options;
  const storage = await fsBackend({ root });
  const relaxed = syncEveryMs !== undefined;
  const log = await openLog({ storage, prefix: LOG_PREFIX, segmentBytes: SEGMENT_BYTES, idleMarkerMs: 5, ...(relaxed ? { durability: { syncEveryMs } } : {}) });
  const { copiedRecords, tornTail } = log.recovery;
  reporter.say({ is: "opened", nextSeq: log.nextSeq, durableSeq: log.durableSeq, relaxed, copied: copiedRecords, torn: tornTail?.bytes ?? 0 });
  const random = seededRandom(seed);
  await Promise.all(Array.from({ length: inFlight }, (_, index) => appendForEver(log, random.fork(`appender ${index}`), relaxed)));
}

async function appendForEver(log: Log, random: Random, relaxed: boolean): Promise<void> {
  for (;;) {
    if (!(await append(log, random))) return;
    if (relaxed && random.oneIn(30)) {
      await log.sync();
      reporter.say({ is: "durable", seq: log.durableSeq });
    }
    if (log.durableSeq - log.firstSeq > KEPT_RECORDS && random.oneIn(20)) {
      const seq = log.durableSeq - KEPT_RECORDS / 2;
      await reporter.attempt({ what: "trim", seq }, () => log.trim(seq));
    }
    if (random.oneIn(40)) await pause(random.below(20));
  }
}

/** Answers whether there is any use in going on. */
async function append(log: Log, random: Random): Promise<boolean> {
  const count = random.oneIn(6) ? 2 + random.below(4) : 1;
  const sizes = Array.from({ length: count }, () => 1 + random.below(random.oneIn(10) ? options.maxBytes : SMALL_BYTES));
  const first = log.nextSeq; // both calls below take their numbers before they return
  const end = await reporter.attempt({ what: "append", first, sizes }, async (token) => {
    const records = sizes.map((size, index) => recordBytes(token, index, size));
    const [only] = records;
    const given = records.length === 1 && only !== undefined ? await log.append(only) : (await log.appendBatch(records)).first;
    if (given !== first) throw new Error(`the append of ${first} was answered with ${given}`);
  });
  return end === "acknowledged";
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
