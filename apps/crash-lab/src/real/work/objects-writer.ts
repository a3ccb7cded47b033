/**
 * A child that creates, replaces and removes objects, and makes files grow, for ever, until it is killed or its disk is gone. Each writer has
 * keys of its own; the names of files that grow are used once.
 */
import { storageKey, type AppendFile, type StorageKey } from "@holdfast/storage";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";

import { seededRandom, type Random } from "../random.js";
import { OBJECTS_PREFIX, ownOptions } from "./child-options.js";
import { recordBytes } from "./record-bytes.js";
import { createReporter, waitForGo } from "./reporter.js";

const SMALL_BYTES = 600;

const options = ownOptions();
const reporter = createReporter(options.firstToken);
waitForGo(reporter);
await reporter.run("work", work);
reporter.say({ is: "done" });

async function work(): Promise<void> {
  const { root, seed, inFlight } = options;
  const storage = await fsBackend({ root });
  reporter.say({ is: "opened", nextSeq: 1, durableSeq: 0, relaxed: false, copied: 0, torn: 0 });
  const random = seededRandom(seed);
  const writers = Array.from({ length: inFlight }, (_, index) => writeForEver(storage, index, random.fork(`writer ${index}`)));
  await Promise.all([...writers, growForEver(storage, random.fork("growing"))]);
}

async function writeForEver(storage: FsBackend, writer: number, random: Random): Promise<void> {
  for (;;) {
    const key = storageKey(`${OBJECTS_PREFIX}/w${writer}/d${random.below(2)}/o${random.below(5)}.bin`);
    const size = random.below(random.oneIn(8) ? options.maxBytes : SMALL_BYTES);
    const how = random.below(5);
    const end =
      how === 0
        ? await reporter.attempt({ what: "remove", key }, () => storage.remove([key]))
        : await put(storage, how < 3 ? "create" : "replace", key, size);
    if (end === "unknown" || end === "wrong") return;
  }
}

function put(storage: FsBackend, what: "create" | "replace", key: StorageKey, size: number): ReturnType<typeof reporter.attempt> {
  return reporter.attempt({ what, key, size }, async (token) => {
    await storage[what](key, recordBytes(token, 0, size));
  });
}

async function growForEver(storage: FsBackend, random: Random): Promise<void> {
  for (let number = 0; ; number++) {
    const key = storageKey(`${OBJECTS_PREFIX}/growing/f${options.firstToken + number}.log`);
    const reserveBytes = random.oneIn(2) ? 64 * 1024 : 0;
    let file: AppendFile | undefined;
    await reporter.attempt({ what: "extend", key, at: 0, size: 0 }, async () => {
      file = await storage.appendable.open(key, { mode: "create", reserveBytes });
    });
    if (file === undefined || !(await grow(file, random))) return;
    await file.close();
    const end = await reporter.attempt({ what: "remove", key }, () => storage.remove([key]));
    if (end !== "acknowledged") return;
  }
}

/** Appends, and cuts now and then. Answers whether all of it was acknowledged. */
async function grow(file: AppendFile, random: Random): Promise<boolean> {
  const { key } = file;
  for (let left = 3 + random.below(20); left > 0; left--) {
    const size = 1 + random.below(random.oneIn(5) ? options.maxBytes : SMALL_BYTES);
    const half = file.size >> 1;
    const end =
      half > 0 && random.oneIn(8)
        ? await reporter.attempt({ what: "cut", key, size: half }, () => file.truncate(half))
        : await reporter.attempt({ what: "extend", key, at: file.size, size }, (token) => file.append(recordBytes(token, 0, size)));
    if (end !== "acknowledged") return false;
  }
  return true;
}
