import { fsBackend } from "@holdfast/storage-fs";
import { isHoldfastError } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { openLog, type Log, type LogOptions } from "../src/index.js";
import { directoryPlace, type DirectoryPlace } from "./support/backends.js";
import { bytesOf, settled, texts } from "./support/expecting.js";
import { failingPort } from "./support/failing-port.js";
import { faultPort } from "./support/fault-port.js";
import { ManualClock } from "./support/manual-clock.js";

/*
 * The first write of a process does most: it reads the head, makes a segment, copies into it. Each of its calls fails in turn,
 * and what the error says became of the write must be so when the log is opened again.
 */

async function openAt(place: DirectoryPlace, options: Partial<LogOptions>): Promise<Log> {
  return openLog({ storage: await place.openOver(faultPort()), prefix: "orders", clock: new ManualClock(), ...options, codec: undefined });
}

interface Start {
  readonly name: string;
  readonly prepare: (place: DirectoryPlace, options: Partial<LogOptions>) => Promise<void>;
}

const starts: readonly Start[] = [
  { name: "of a new log", prepare: () => Promise.resolve() },
  {
    name: "behind a head",
    async prepare(place, options) {
      const log = await openAt(place, options);
      await log.append(bytesOf("a"));
      await log.close();
    },
  },
  {
    name: "that takes the place of a small head",
    async prepare(place, options) {
      for (const text of ["a", "b"]) {
        const log = await openAt(place, options);
        await log.append(bytesOf(text));
        await log.close();
      }
    },
  },
];
const modes: readonly Partial<LogOptions>[] = [{}, { durability: { syncEveryMs: 60_000 } }];

describe.each(starts)("the first write $name", ({ prepare }) => {
  test.each(["EIO", "EMFILE", "EACCES", "ENOSPC"])("says truly what became of an append: %s", async (code) => {
    for (const options of modes) {
      for (let nth = 1; ; nth++) {
        const place = await directoryPlace();
        await prepare(place, options);
        const failing = failingPort(faultPort(), code);
        const storage = await fsBackend({ root: place.root, port: failing.port });
        const log = await openLog({ storage, prefix: "orders", clock: new ManualClock(), ...options, codec: undefined });
        const before = await texts(log);
        failing.arm(nth);
        const error = await log.append(bytesOf("new"), { durability: "synced" }).then(() => undefined, (it: unknown) => it);
        const hasFailed = failing.failed !== undefined;
        const wasRead = failing.failed === "read" || failing.failed === "open read";
        const where = `${failing.failed ?? ""} at ${nth}: ${String(error)}`;
        failing.arm(0);
        await settled();
        await log.close().catch(() => undefined); // What it could not write it has told the append.
        await storage.close();
        const again = await openAt(place, options);
        const kept = await texts(again);
        const [record, ...rest] = kept.slice(before.length);
        expect(kept.slice(0, before.length), where).toEqual(before);
        expect(rest, where).toEqual([]);
        expect([undefined, `${before.length + 1}:new`], where).toContain(record);
        if (error === undefined) expect(record, where).toBeDefined();
        else {
          if (!isHoldfastError(error)) throw new Error(where, { cause: error });
          expect(error.code, where).toMatch(/^(WAL|STORAGE)_/);
          expect(["not_applied", "unknown"], where).toContain(error.outcome);
          if (wasRead) expect(error.outcome, "nothing was written").toBe("not_applied");
          if (error.outcome === "not_applied") expect(record, where).toBeUndefined();
        }
        await again.close();
        await place.clear();
        if (!hasFailed && error === undefined) break;
      }
    }
  });

  test.each(["EIO", "EMFILE"])("says truly what became of a trim: %s", async (code) => {
    for (let nth = 1; ; nth++) {
      const place = await directoryPlace();
      await prepare(place, {});
      const failing = failingPort(faultPort(), code);
      const storage = await fsBackend({ root: place.root, port: failing.port });
      const log = await openLog({ storage, prefix: "orders", clock: new ManualClock() });
      const before = log.firstSeq;
      failing.arm(nth);
      const error = await log.trim(2).then(() => undefined, (it: unknown) => it);
      const hasFailed = failing.failed !== undefined;
      const where = `${failing.failed ?? ""} at ${nth}: ${String(error)}`;
      failing.arm(0);
      await settled();
      const expected = log.nextSeq > 1 ? 2 : 1;
      await log.close().catch(() => undefined); // What it could not write it has told the trim.
      await storage.close();
      const again = await openAt(place, {});
      if (error === undefined) expect(again.firstSeq, where).toBe(expected);
      else {
        if (!isHoldfastError(error)) throw new Error(where, { cause: error });
        expect(["not_applied", "unknown"], where).toContain(error.outcome);
        if (error.outcome === "not_applied") expect(again.firstSeq, where).toBe(before);
      }
      await again.close();
      await place.clear();
      if (!hasFailed && error === undefined) break;
    }
  });
});
