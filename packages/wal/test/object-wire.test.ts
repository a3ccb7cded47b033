import { storageKey, systemClock, type StorageBackend } from "@holdfast/storage";
import type { HttpPort, HttpResponse } from "@holdfast/storage/ports";
import { s3Backend } from "@holdfast/storage-s3";
import { mildAdversary, seededRandom, virtualClock } from "@holdfast/storage-sim";
import { SimObjectStore } from "@holdfast/storage-sim/object-store";
import { describe, expect, test } from "vitest";
import { mergeLog, openLog, openLogReader, verifyLog, type LogOptions } from "../src/index.js";
import { objectName } from "../src/format/object.js";
import { bytesOf, texts, walError } from "./support/expecting.js";

// A log on a simulated object store, over a wire that gets bits wrong. What is read whole comes with a checksum; what is read in
// part, as headers are, does not.

const RECORDS = ["1:a", "2:b", "3:c", "4:d"];

interface Wire {
  readonly storage: StorageBackend;
  /** Changes the bodies of answers to reads, from now on; gets the number of the answer, from 0. */
  harm(change: ((number: number, body: Uint8Array) => Uint8Array) | undefined): void;
  /** Answers since the last call of `harm`. */
  readonly answers: number;
}

function wire(): Wire {
  const store = new SimObjectStore({ clock: virtualClock(), adversary: mildAdversary });
  const inner = store.client().port;
  let change: ((number: number, body: Uint8Array) => Uint8Array) | undefined;
  let answers = 0;
  const port: HttpPort = {
    ...inner,
    name: "wire",
    close: () => inner.close(),
    async request(request) {
      const response = await inner.request(request);
      if (request.method !== "GET" || response.status >= 300 || request.url.includes("?")) return response;
      const number = answers++;
      return change === undefined ? response : { ...response, discard: () => { response.discard(); }, body: changed(response, (body) => change?.(number, body) ?? body) };
    },
  };
  const storage = s3Backend({
    bucket: "bucket",
    endpoint: "http://localhost",
    region: "us-east-1",
    credentials: { accessKeyId: "id", secretAccessKey: "secret" },
    port,
    // No pause before something is tried again.
    clock: { ...systemClock, setTimer: (callback, delayMs, options) => systemClock.setTimer(callback, delayMs < 1000 ? 0 : delayMs, options) },
    random: seededRandom(1),
  });
  return {
    storage,
    harm(next) {
      change = next;
      answers = 0;
    },
    get answers() {
      return answers;
    },
  };
}

async function* changed(response: HttpResponse, change: (body: Uint8Array) => Uint8Array): AsyncGenerator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body) pieces.push(piece);
  yield change(Buffer.concat(pieces));
}

function flipped(body: Uint8Array, bit: number): Uint8Array {
  const harmed = body.slice();
  const at = (bit >> 3) % harmed.length;
  harmed[at]! ^= 1 << (bit & 7);
  return harmed;
}

const HEADER_BYTES = 128;
const LOG: Pick<LogOptions, "prefix"> = { prefix: "orders" };

async function filled(): Promise<Wire> {
  const it = wire();
  const log = await openLog({ ...LOG, storage: it.storage });
  for (const text of ["a", "b", "c", "d"]) await log.append(bytesOf(text));
  await log.close();
  return it;
}

/** What is done with a log that is there, by whoever comes by. */
const VISITS: readonly (readonly [string, (storage: StorageBackend) => Promise<unknown>])[] = [
  [
    "a reader",
    async (storage) => {
      const reader = await openLogReader({ ...LOG, storage });
      expect(await texts(reader)).toEqual(RECORDS);
      expect(await texts(reader, { from: 3 })).toEqual(RECORDS.slice(2));
      expect(await texts(reader, { reverse: true })).toEqual(RECORDS.toReversed());
      await reader.close();
    },
  ],
  [
    "a writer",
    async (storage) => {
      const log = await openLog({ ...LOG, storage });
      expect(await texts(log)).toEqual(RECORDS);
      await log.close();
    },
  ],
  ["who verifies", async (storage) => { expect((await verifyLog({ ...LOG, storage })).findings).toEqual([]); }],
  ["who merges", async (storage) => { await mergeLog({ ...LOG, storage, packObjects: 2 }); }],
];

describe.each(VISITS)("%s", (who, visit) => {
  test("does not take for damage what was wrong on its way, in any one answer", async () => {
    const counting = await filled();
    counting.harm(undefined);
    await visit(counting.storage);
    let readings = 0;
    for (let wrong = 0; wrong < counting.answers; wrong++) {
      for (const harm of [(body: Uint8Array) => flipped(body, 700), (body: Uint8Array) => body.subarray(0, 100)]) {
        const it = await filled();
        it.harm((number, body) => (number === wrong ? harm(body) : body));
        await visit(it.storage);
        readings += it.answers - counting.answers;
      }
    }
    expect(readings, "what was read again").toBeGreaterThanOrEqual(counting.answers);
  });

  test("is told that reading failed where every reading is another one", async () => {
    const it = await filled();
    it.harm((number, body) => (body.length === HEADER_BYTES ? flipped(body, 500 + number) : body));
    if (who === "who verifies") expect((await verifyLog({ ...LOG, storage: it.storage })).findings).toMatchObject([{ code: "WAL_READ_FAILED" }]);
    else expect(await walError(visit(it.storage), "WAL_READ_FAILED")).toMatchObject({ retryable: true });
  });
});

test("what is wrong in every reading is damage, with key and offset", async () => {
  for (const position of [1, 5]) {
    const { storage } = await filled();
    const key = storageKey(`orders/log/${objectName(position)}`);
    const bytes = await storage.read(key);
    await storage.replace(key, flipped(bytes!, 500));
    expect(await walError(openLog({ ...LOG, storage }), "WAL_CORRUPT")).toMatchObject({ key, offset: 0, position });
    expect(await walError(openLogReader({ ...LOG, storage }), "WAL_CORRUPT")).toMatchObject({ key, offset: 0, position });
    expect((await verifyLog({ ...LOG, storage })).findings).toMatchObject([{ code: "WAL_CORRUPT", key, offset: 0 }]);
  }
});
