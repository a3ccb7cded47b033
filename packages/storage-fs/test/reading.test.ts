import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { storageKey } from "@holdfast/storage";
import { expect, test } from "vitest";
import { fsBackend, type FsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { faultPort, type FaultPort } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

const KEY = storageKey("a/x.bin");
const PIECE = 256 * 1024;
const CONTENT = new Uint8Array(PIECE * 3 + 1000).map((_, index) => (index * 7) % 251);

async function open(): Promise<{ root: string; port: FaultPort; backend: FsBackend }> {
  const root = await tempRoot();
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  await backend.create(KEY, CONTENT);
  port.forget();
  return { root, port, backend };
}

async function collect(stream: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream ?? []) pieces.push(piece);
  return pieces;
}

test("read answers an array of its own that holds exactly what was read", async () => {
  const { backend } = await open();
  const [one, two] = [await backend.read(KEY), await backend.read(KEY, { range: { offset: 5, length: 10 } })];
  expect(one?.buffer.byteLength).toBe(CONTENT.length);
  expect(two).toEqual(CONTENT.slice(5, 15));
  expect(two?.buffer.byteLength).toBe(10);
  expect(Object.getPrototypeOf(two)).toBe(Uint8Array.prototype);
  one?.fill(0);
  expect(await backend.read(KEY)).toEqual(CONTENT);
});

test("a file that becomes shorter while it is read gives what is there, and no byte that was not read", async () => {
  const { root, port, backend } = await open();
  port.inject(/^read /, { first: () => truncate(join(root, KEY), 100) });
  const seen = await backend.read(KEY);
  expect(seen).toEqual(CONTENT.slice(0, 100));
  expect(seen?.buffer.byteLength).toBe(100);
});

test("a stream comes in pieces of 256 KiB, each an array of its own, over one descriptor", async () => {
  const { port, backend } = await open();
  const pieces = await collect(await backend.stream(KEY));
  expect(pieces.map((it) => it.length)).toEqual([PIECE, PIECE, PIECE, 1000]);
  expect(new Set(pieces.map((it) => it.buffer)).size).toBe(4);
  expect(Buffer.concat(pieces).equals(CONTENT)).toBe(true);
  expect(port.calls.filter((it) => it.startsWith("open"))).toHaveLength(1);
  expect(port.openFiles).toBe(0);
});

test("a stream gives up its descriptor when the loop is left, when it fails, and when it is aborted", async () => {
  const { port, backend } = await open();
  for await (const piece of (await backend.stream(KEY))!) {
    expect(piece.length).toBe(PIECE);
    break;
  }
  expect(port.openFiles).toBe(0);
  const failing = await backend.stream(KEY);
  port.inject(/^read /, { code: "EIO" }, { nth: 2 });
  await rejection(collect(failing), "STORAGE_READ_FAILED");
  expect(port.openFiles).toBe(0);
  const controller = new AbortController();
  const aborted = (await backend.stream(KEY, { signal: controller.signal }))!;
  await expect(
    (async () => {
      for await (const piece of aborted) if (piece.length > 0) controller.abort("stop");
    })(),
  ).rejects.toBe("stop");
  expect(port.openFiles).toBe(0);
});

test("a small stream holds no descriptor at all", async () => {
  const { port, backend } = await open();
  const stream = await backend.stream(KEY, { range: { offset: PIECE, length: PIECE } });
  expect(port.openFiles).toBe(0);
  expect(await collect(stream)).toEqual([CONTENT.slice(PIECE, 2 * PIECE)]);
});

test("a stream can be read once", async () => {
  const { backend } = await open();
  for (const range of [undefined, { offset: 0, length: 10 }]) {
    const stream = (await backend.stream(KEY, { range }))!;
    await collect(stream);
    await rejection(collect(stream), "STORAGE_INVALID_ARGUMENT");
  }
});

test("streams that are never started hold at most 16 descriptors, and those that gave theirs up open again", async () => {
  const { port, backend } = await open();
  const streams: (AsyncIterable<Uint8Array> | undefined)[] = [];
  for (let turn = 0; turn < 40; turn += 1) streams.push(await backend.stream(KEY));
  expect(port.openFiles).toBe(16);
  expect(Buffer.concat(await collect(streams[0])).equals(CONTENT)).toBe(true);
  await backend.remove([KEY]);
  // One that holds the file goes on with it; one that does not is told.
  expect(Buffer.concat(await collect(streams[39])).equals(CONTENT)).toBe(true);
  const error = await rejection(collect(streams[1]), "STORAGE_READ_FAILED");
  expect(error.retryable).toBe(true);
  await backend.close();
  expect(port.openFiles).toBe(0);
});

test("closing the backend does not end a stream as if it were whole", async () => {
  const { port, backend } = await open();
  const started = (await backend.stream(KEY))![Symbol.asyncIterator]();
  const unstarted = await backend.stream(KEY);
  expect((await started.next()).value).toHaveLength(PIECE);
  await backend.close();
  expect(port.openFiles).toBe(0);
  await rejection(started.next(), "STORAGE_CLOSED");
  await rejection(collect(unstarted), "STORAGE_CLOSED");
});

test("pieces that are asked for at the same time come in order", async () => {
  const { backend } = await open();
  const iterator = (await backend.stream(KEY))![Symbol.asyncIterator]();
  const results = await Promise.all(Array.from({ length: 6 }, () => iterator.next()));
  expect(results.map(({ done }) => done)).toEqual([false, false, false, false, true, true]);
  const pieces = results.flatMap((it) => (it.done === true ? [] : [it.value]));
  expect(Buffer.concat(pieces).equals(CONTENT)).toBe(true);
});
