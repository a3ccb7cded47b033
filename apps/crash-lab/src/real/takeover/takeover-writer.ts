/**
 * A child that opens a log on object storage, which fences whoever wrote before, and appends until it is fenced itself, or killed. Fenced
 * is final: it tries once more, and must be refused again.
 */
import { hasCode, type StorageBackend } from "@holdfast/storage";
import { openLog, type Log } from "@holdfast/wal";

import { seededRandom, type Random } from "../random.js";
import { recordBytes } from "../work/record-bytes.js";
import { createReporter, waitForGo } from "../work/reporter.js";
import { OPENING, openStore, ownTakeoverOptions } from "./takeover-options.js";

/** Few, so that commits are merged and removed between takeovers too. */
const PACK_OBJECTS = 8;
/** Long enough that each record has its whole mark. */
const MIN_BYTES = 40;
const MAX_BYTES = 600;
const MAX_OPENING_MS = 20_000;

const options = ownTakeoverOptions();
const reporter = createReporter(options.firstToken);
waitForGo(reporter);
await reporter.run("work", work);
reporter.say({ is: "done" });

async function work(): Promise<void> {
  const { prefix, seed, inFlight } = options;
  await using storage = openStore(options, "trusted");
  const log = await open(storage, prefix);
  const { nextSeq, durableSeq, recovery } = log;
  reporter.say({ is: "opened", nextSeq, durableSeq, relaxed: false, copied: 0, torn: 0, term: recovery.takeover?.term ?? 0 });
  const random = seededRandom(seed);
  await Promise.all(Array.from({ length: inFlight }, (_, index) => appendUntilRefused(log, random.fork(`appender ${index}`))));
  await append(log, random.fork("once more"));
  await log.close();
}

/** Opens as a user does who is told that others wrote faster and that it may be tried again. */
async function open(storage: StorageBackend, prefix: string): Promise<Log> {
  const endMs = performance.now() + MAX_OPENING_MS;
  for (;;) {
    try {
      return await openLog({ storage, prefix, packObjects: PACK_OBJECTS });
    } catch (error) {
      if (!hasCode(error, "WAL_FENCED") || !error.retryable || performance.now() > endMs) throw error;
      reporter.say({ is: "failed", operation: OPENING, code: error.code });
    }
  }
}

async function appendUntilRefused(log: Log, random: Random): Promise<void> {
  while (await append(log, random)) {
    if (random.oneIn(20)) await pause(random.below(10));
  }
}

/** Answers whether it was acknowledged. */
async function append(log: Log, random: Random): Promise<boolean> {
  const count = random.oneIn(4) ? 2 + random.below(4) : 1;
  const sizes = Array.from({ length: count }, () => MIN_BYTES + random.below(MAX_BYTES - MIN_BYTES));
  const first = log.nextSeq; // the call below takes its numbers before it returns
  const end = await reporter.attempt({ what: "append", first, sizes }, async (token) => {
    const given = await log.appendBatch(sizes.map((size, index) => recordBytes(token, index, size)));
    if (given.first !== first) throw new Error(`the append of ${first} was answered with ${given.first}`);
  });
  return end === "acknowledged";
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
