import { isThorough } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { decodeFrameHeader, decodeSegmentHeader, FIRST_FRAME_OFFSET, FRAME_HEADER_BYTES, frameCheck, FrameKind, place as placed, roundUp } from "../src/format/segment.js";
import { openLog, openLogReader, verifyLog, WalError, type Log } from "../src/index.js";
import { contents, memory, memoryPlace, stores, type Place, type Store } from "./support/backends.js";
import { bytesOf, show, settled, texts, walError } from "./support/expecting.js";
import { ManualClock } from "./support/manual-clock.js";

/*
 * Logs as the writer leaves them, harmed, and then opened, read, verified and written to by the real code. That every harm is
 * classed as FORMAT.md says is tested on bytes alone in damage.test.ts; here it is what a user gets to see of it.
 */

interface Sample {
  /** The files of the log. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The newest segment, which is harmed, and the one before it. */
  readonly key: string;
  readonly olderKey: string;
  /** All records, as `seq:text`; of the older segment the first so many. */
  readonly records: readonly string[];
  readonly olderRecords: number;
  readonly frames: readonly Frame[];
}

interface Frame {
  readonly offset: number;
  readonly end: number;
  readonly isCommit: boolean;
  /** Records of the log up to and with this frame. */
  readonly lastSeq: number;
}

/** What a user gets: the records, or why not. */
type Outcome =
  | { readonly kind: "records"; readonly records: readonly string[]; readonly torn: number | undefined }
  | { readonly kind: "error"; readonly code: string; readonly key: string | undefined; readonly offset: number | undefined };

const endings = ["a crash", "a marker", "a seal"] as const;

async function openAt(place: Place, clock = new ManualClock()): Promise<Log> {
  return openLog({ storage: await place.open(), prefix: "orders", clock });
}

/** Two segments: the older one as its writer closed it, the newer one with an ending. */
async function sample(ending: (typeof endings)[number], more: readonly Uint8Array[] = []): Promise<Sample> {
  const place = memoryPlace();
  const clock = new ManualClock();
  const older = await openAt(place, clock);
  await older.append(bytesOf("alpha"));
  await older.appendBatch([bytesOf("beta"), new Uint8Array(0), bytesOf("delta")]);
  await older.close();
  const newer = await openAt(place, clock);
  await newer.append(bytesOf("epsilon"));
  await newer.append(bytesOf("zeta ".repeat(120)));
  await newer.appendBatch([bytesOf("eta"), bytesOf("theta")]);
  for (const value of more) await newer.append(value);
  await newer.append(bytesOf("iota"));
  const records = await texts(newer);
  if (ending === "a marker") {
    clock.advance(60);
    await settled();
    expect(newer.stats().markers).toBe(1);
  }
  await settled();
  if (ending === "a seal") await newer.close();
  else await place.crash();
  const files = await place.files();
  const [olderKey = "", key = ""] = [...files.keys()].filter((it) => it.includes("/segment/"));
  // Only what was written: that prepared space is harmless is a case of its own.
  const bytes = files.get(key)!;
  const frames = framesOf(bytes, 2, 4);
  files.set(key, bytes.slice(0, frames.at(-1)!.end));
  return { files, key, olderKey, records, olderRecords: 4, frames };
}

function framesOf(bytes: Uint8Array, number: number, seqBefore: number): Frame[] {
  const decoded = decodeSegmentHeader(bytes, number);
  if (decoded.state !== "valid") throw new Error(decoded.state);
  const check = frameCheck(decoded.header.salt);
  const frames: Frame[] = [];
  let end = FIRST_FRAME_OFFSET;
  let lastSeq = seqBefore;
  for (;;) {
    const found = [placed(end, 8), roundUp(end, 4096)].map((offset) => ({ offset, header: decodeFrameHeader(bytes, offset, offset, check) })).find((it) => it.header !== undefined);
    if (found?.header === undefined) return frames;
    end = found.offset + FRAME_HEADER_BYTES + found.header.bodyBytes;
    lastSeq = Math.max(lastSeq, found.header.firstSeq + found.header.recordCount - 1);
    frames.push({ offset: found.offset, end, isCommit: found.header.kind === FrameKind.commit, lastSeq });
  }
}

/** What must come of the newest segment having these bytes. */
function expected({ files, key, records, olderRecords, frames }: Sample, harmed: Uint8Array): Outcome {
  const whole = files.get(key)!;
  const differs = (from: number, to: number): boolean => {
    for (let at = from; at < to; at++) if (harmed[at] !== whole[at]) return true;
    return false;
  };
  const isThere = (from: number, to: number): boolean => {
    for (let at = from; at < Math.min(to, harmed.length); at++) if (harmed[at] !== 0) return true;
    return false;
  };
  const corrupt = (offset: number): Outcome => ({ kind: "error", code: "WAL_CORRUPT", key, offset });
  const older = records.slice(0, olderRecords);
  // A file grows when its header is durable; a begin that is harmed with nothing behind it was being made.
  if (differs(0, 128)) return harmed.length > 4096 ? corrupt(0) : { kind: "records", records: older, torn: undefined };
  const hasFrames = frames.some((it) => !differs(it.offset, it.offset + FRAME_HEADER_BYTES));
  if (differs(4096, 4240)) return hasFrames ? corrupt(4096) : { kind: "records", records: older, torn: undefined };
  const bad = frames.findIndex((it) => differs(it.offset, it.end));
  const last = bad < 0 ? frames.at(-1) : frames[bad - 1];
  const end = last?.end ?? FIRST_FRAME_OFFSET;
  if (bad >= 0 && frames.slice(bad + 1).some((it) => !differs(it.offset, it.offset + FRAME_HEADER_BYTES))) return corrupt(end);
  const isSealed = bad < 0 && last?.isCommit === false && harmed.length >= end;
  return {
    kind: "records",
    records: records.slice(0, last?.lastSeq ?? olderRecords),
    // Whether a marker or a seal ends it makes no difference to what is torn, but behind a seal nobody looks.
    torn: isThere(end, harmed.length) && !(isSealed && isSeal(whole, frames)) ? end : undefined,
  };
}

function isSeal(bytes: Uint8Array, frames: readonly Frame[]): boolean {
  return bytes[frames.at(-1)!.offset + 4] === FrameKind.seal;
}

async function placeOf(store: Store, files: ReadonlyMap<string, Uint8Array>): Promise<Place> {
  const place = await store.make();
  for (const [key, bytes] of files) await place.put(key, bytes);
  return place;
}

/** Opens, reads and verifies; where that goes well, writes on, and sees that nothing is lost by it. */
async function use(place: Place): Promise<Outcome> {
  const before = await contents(place);
  let log: Log;
  try {
    log = await openAt(place);
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    expect(await contents(place), "nothing was changed").toEqual(before);
    const { findings } = await verifyLog({ storage: await place.open(), prefix: "orders" });
    expect(findings).toMatchObject([{ code: error.code, key: error.key, offset: error.offset }]);
    const reader = openLogReader({ storage: await place.open(), prefix: "orders" });
    expect(await walError(reader.then((it) => texts(it)), error.code)).toMatchObject({ key: error.key, offset: error.offset });
    return { kind: "error", code: error.code, key: error.key, offset: error.offset };
  }
  let records: string[];
  try {
    records = await texts(log);
  } catch (error) {
    await log.close();
    if (!(error instanceof WalError)) throw error;
    const { findings } = await verifyLog({ storage: await place.open(), prefix: "orders" });
    expect(findings.map((it) => it.key)).toContain(error.key);
    return { kind: "error", code: error.code, key: error.key, offset: error.offset };
  }
  const torn = log.recovery.tornTail;
  expect(log.nextSeq).toBe(records.length + 1);
  expect((await texts(log, { reverse: true })).toReversed()).toEqual(records);
  expect(await log.append(bytesOf("behind it"))).toBe(records.length + 1);
  expect(await log.append(bytesOf("and more"))).toBe(records.length + 2);
  await place.crash();
  const again = await openAt(place);
  expect(again.recovery.tornTail).toBeUndefined();
  expect(await texts(again)).toEqual([...records, `${records.length + 1}:behind it`, `${records.length + 2}:and more`]);
  await again.close();
  expect((await verifyLog({ storage: await place.open(), prefix: "orders" })).findings).toEqual([]);
  return { kind: "records", records, torn: torn?.offset };
}

async function harm(log: Sample, harmed: Uint8Array, what: string, store: Store = memory): Promise<Outcome> {
  const place = await placeOf(store, new Map(log.files).set(log.key, harmed));
  const outcome = await use(place);
  expect(outcome, what).toEqual(expected(log, harmed));
  return outcome;
}

describe.each(endings)("a log that ends with %s", (ending) => {
  test.each(stores)("is whole, in $name", async (store) => {
    const log = await sample(ending);
    expect(await harm(log, log.files.get(log.key)!, "nothing", store)).toEqual({ kind: "records", records: log.records, torn: undefined });
  });

  test("cut anywhere loses what is behind the cut, and nothing else", { timeout: 60_000 }, async () => {
    const log = await sample(ending);
    const bytes = log.files.get(log.key)!;
    const lengths = new Set<number>();
    for (let length = 0; length <= bytes.length; length += isThorough ? 1 : 211) lengths.add(length);
    // The frames before the last are the same with every ending.
    const step = isThorough ? 1 : ending === "a crash" ? 2 : 7;
    for (let length = FIRST_FRAME_OFFSET - 3; length <= bytes.length; length += length < FIRST_FRAME_OFFSET + 1200 ? step : 97) lengths.add(length);
    for (const length of lengths) expect((await harm(log, bytes.slice(0, length), `cut at ${length}`)).kind).toBe("records");
  });

  test("with a bit flipped anywhere is told apart", { timeout: 120_000 }, async () => {
    const log = await sample(ending);
    const bytes = log.files.get(log.key)!;
    const covered: [number, number][] = [[0, 128], [4096, 4240], ...log.frames.map((it): [number, number] => [it.offset, it.end])];
    const kinds = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      const isCovered = covered.some(([from, to]) => at >= from && at < to);
      const stride = isThorough ? 1 : isCovered ? 2 : 401;
      if (at % stride !== 0) continue;
      for (let bit = isThorough && isCovered ? 0 : at % 8; bit < 8; bit += isThorough && isCovered ? 1 : 8) {
        const harmed = bytes.slice();
        harmed[at]! ^= 1 << bit;
        const outcome = await harm(log, harmed, `bit ${bit} of byte ${at}`);
        kinds.add(outcome.kind === "error" ? "corrupt" : outcome.torn === undefined ? "clean" : "torn");
      }
    }
    expect(kinds).toEqual(new Set(["corrupt", "clean", "torn"]));
  });

  test.each([512, 4096])("with %i bytes zeroed is told apart", async (size) => {
    const log = await sample(ending);
    const bytes = log.files.get(log.key)!;
    for (let at = 0; at < bytes.length; at += size) await harm(log, bytes.slice().fill(0, at, at + size), `zeros at ${at}`);
    for (let at = 0; at < bytes.length; at += size) await harm(log, bytes.slice().fill(0, at), `zeros from ${at} on`);
  });

  test.each(stores)("with something behind it is told apart, in $name", async (store) => {
    const log = await sample(ending);
    const bytes = log.files.get(log.key)!;
    const older = log.files.get(log.olderKey)!;
    const behind: Record<string, Uint8Array> = {
      zeros: new Uint8Array(100_000),
      garbage: Uint8Array.from({ length: 5000 }, (_, index) => (index * 7919) >>> 3),
      "the older segment": older,
      "frames of the older segment": older.subarray(FIRST_FRAME_OFFSET),
      "its own frames once more": bytes.subarray(FIRST_FRAME_OFFSET),
      "itself once more": bytes,
    };
    for (const [what, tail] of Object.entries(behind)) {
      for (const gap of [0, 3, 4096 - (bytes.length % 4096)]) {
        const harmed = new Uint8Array(bytes.length + gap + tail.length);
        harmed.set(bytes);
        harmed.set(tail, bytes.length + gap);
        const outcome = await harm(log, harmed, `${what} behind ${gap} zeros`, store);
        expect(outcome).toMatchObject({ kind: "records", records: log.records });
      }
    }
  });
});

describe.each(stores)("in $name", (store) => {
  test("damage to an older segment is told when it is read, with its key and offset", async () => {
    const log = await sample("a seal");
    const bytes = log.files.get(log.olderKey)!;
    const frames = framesOf(bytes, 1, 0);
    const before = (at: number): number | undefined => {
      if (at < 128) return 0;
      if (at < 4240) return 4096;
      const index = frames.findIndex((it) => at >= it.offset && at < it.end);
      // The segment behind it says that it ends with its last commit: the seal has done its work.
      return frames[index]?.isCommit === true ? (frames[index - 1]?.end ?? FIRST_FRAME_OFFSET) : undefined;
    };
    for (const at of [9, 33, 50, 127, 4097, 4096 + 70, 4239, ...frames.flatMap((it) => [it.offset, it.offset + 9, it.offset + 47, it.end - 1])]) {
      const harmed = bytes.slice();
      harmed[at]! ^= 0x40;
      const place = await placeOf(store, new Map(log.files).set(log.olderKey, harmed));
      const offset = before(at);
      if (offset !== undefined) {
        expect(await use(place), `byte ${at}`).toEqual({ kind: "error", code: "WAL_CORRUPT", key: log.olderKey, offset });
      } else {
        expect(await use(place)).toEqual({ kind: "records", records: log.records, torn: undefined });
      }
    }
  });

  test("what is not harmed can still be read", async () => {
    const log = await sample("a seal");
    const harmed = log.files.get(log.olderKey)!.slice();
    const second = framesOf(harmed, 1, 0)[1]!;
    harmed[second.end - 1]! ^= 1;
    const opened = await openAt(await placeOf(store, new Map(log.files).set(log.olderKey, harmed)));
    expect(await texts(opened, { from: 5 })).toEqual(log.records.slice(4));
    expect(await texts(opened, { to: 1 })).toEqual(log.records.slice(0, 1));
    await walError(texts(opened, { from: 2, to: 2 }), "WAL_CORRUPT");
    await walError(texts(opened, { reverse: true, to: 6 }), "WAL_CORRUPT");
    // Both stand in one window. What comes before the harm is delivered, and nothing of the harmed commit or behind it.
    for (const from of [1, 2, 3]) {
      const delivered: number[] = [];
      const reading = async (): Promise<void> => {
        for await (const { seq } of opened.read({ from })) delivered.push(seq);
      };
      expect(await walError(reading(), "WAL_CORRUPT")).toMatchObject({ key: log.olderKey, offset: framesOf(harmed, 1, 0)[0]!.end });
      expect(delivered).toEqual(from === 1 ? [1] : []);
    }
    await opened.close();
  });

  test("a cut or missing older segment is told", async () => {
    const log = await sample("a seal");
    const bytes = log.files.get(log.olderKey)!;
    const end = framesOf(bytes, 1, 0).findLast((it) => it.isCommit)!.end;
    for (const length of [0, 100, 4096, 5000, 8191, FIRST_FRAME_OFFSET, end - 1]) {
      const outcome = await use(await placeOf(store, new Map(log.files).set(log.olderKey, bytes.slice(0, length))));
      expect(outcome, `cut at ${length}`).toMatchObject({ kind: "error", code: "WAL_CORRUPT", key: log.olderKey });
    }
    const files = new Map(log.files);
    files.delete(log.olderKey);
    expect(await use(await placeOf(store, files))).toEqual({ kind: "error", code: "WAL_SEGMENT_MISSING", key: log.olderKey, offset: undefined });
  });

  test("segments of another log with the same numbers are refused", async () => {
    const log = await sample("a seal");
    const other = await sample("a seal");
    for (const key of [log.key, log.olderKey]) {
      const outcome = await use(await placeOf(store, new Map(log.files).set(key, other.files.get(key)!)));
      expect(outcome).toMatchObject({ kind: "error", code: "WAL_CORRUPT" });
    }
  });

  test("a segment under another number is refused", async () => {
    const log = await sample("a seal");
    const third = log.key.replace("2.wal", "3.wal");
    const copied = await use(await placeOf(store, new Map(log.files).set(third, log.files.get(log.key)!)));
    expect(copied).toEqual({ kind: "error", code: "WAL_CORRUPT", key: third, offset: 0 });
    const swapped = new Map(log.files).set(log.key, log.files.get(log.olderKey)!).set(log.olderKey, log.files.get(log.key)!);
    expect(await use(await placeOf(store, swapped))).toMatchObject({ kind: "error", code: "WAL_CORRUPT", offset: 0 });
  });
});

describe("records that look like the log's own bytes", () => {
  test.each(endings)("are nothing but records, whatever is harmed, after %s", async (ending) => {
    const plain = await sample(ending);
    const own = plain.files.get(plain.key)!;
    // Frames of this very kind of log, at every alignment, and whole segments.
    const shaped = [own.subarray(FIRST_FRAME_OFFSET), ...[1, 2, 3, 4, 5, 6, 7].map((shift) => Buffer.concat([new Uint8Array(shift), own.subarray(FIRST_FRAME_OFFSET)])), own];
    const log = await sample(ending, shaped);
    const bytes = log.files.get(log.key)!;
    await harm(log, bytes, "nothing");
    for (const frame of log.frames) {
      for (const at of [frame.offset, frame.offset + 20, frame.offset + 47, frame.offset + 60, frame.end - 1]) {
        if (at >= frame.end) continue;
        const harmed = bytes.slice();
        harmed[at]! ^= 0x80;
        await harm(log, harmed, `byte ${at}`);
      }
      await harm(log, bytes.slice(0, frame.offset + 48 + Math.floor((frame.end - frame.offset - 48) / 2)), `cut inside the frame at ${frame.offset}`);
    }
  });

  test("also the frames of the segment that they are appended to", async () => {
    const place = memoryPlace();
    const log = await openAt(place);
    const expectedRecords: string[] = [];
    for (let round = 0; round < 6; round++) {
      await log.append(bytesOf(`r${round}`));
      await log.append([...(await place.files()).values()].at(-1)!.slice(0, 20_000));
    }
    for await (const record of log.read()) expectedRecords.push(show(record));
    await place.crash();
    const files = await place.files();
    const key = [...files.keys()].find((it) => it.includes("segment"))!;
    const bytes = files.get(key)!;
    const frames = framesOf(bytes, 1, 0);
    for (const [index, frame] of frames.entries()) {
      const harmed = bytes.slice();
      harmed[frame.offset + 8]! ^= 1;
      const again = await placeOf(memory, new Map(files).set(key, harmed));
      const outcome = await use(again);
      const end = frames[index - 1]?.end ?? FIRST_FRAME_OFFSET;
      expect(outcome).toEqual(
        index < frames.length - 1
          ? { kind: "error", code: "WAL_CORRUPT", key, offset: end }
          : { kind: "records", records: expectedRecords.slice(0, -1), torn: end },
      );
    }
  });
});
