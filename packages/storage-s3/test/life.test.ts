import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { storagePrefix, systemClock } from "@holdfast/storage";
import type { HttpPort, HttpRequest } from "@holdfast/storage/ports";
import { mildAdversary } from "@holdfast/storage-sim";
import { SimObjectStore } from "@holdfast/storage-sim/object-store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { abortLeftovers, nodeHttpPort, s3Backend, type S3BackendOptions } from "../src/index.js";
import { bytes, key, text } from "./support/fixtures.js";
import { CREDENTIALS } from "./support/sim.js";

// The simulated store behind a real server on this machine, so that there are real connections, and real timers.

let server: Server;
let options: S3BackendOptions;
/** Requests for this object are never answered. */
const SILENT = "dir/silent.bin";
/** More than goes in one part, and than is read ahead. */
const LARGE = 10_000_000;

beforeEach(async () => {
  const port = new SimObjectStore({ clock: systemClock, adversary: mildAdversary }).port();
  server = createServer((request, response) => void answer(port, request, response));
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  options = { bucket: "bucket", endpoint, region: "us-east-1", credentials: CREDENTIALS };
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => { server.close(resolve); });
});

async function answer(port: HttpPort, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) if (Buffer.isBuffer(piece)) pieces.push(piece);
  const { method = "GET", url = "" } = request;
  if (url.endsWith(SILENT)) return;
  const body = Buffer.concat(pieces);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) if (name !== "host" && name !== "content-length") headers[name] = String(value);
  const found = await port.request({ method: method as HttpRequest["method"], url: `http://localhost${url}`, headers, body: body.length === 0 ? undefined : body });
  response.writeHead(found.status, found.headers);
  // Who asked may be gone before the end.
  await pipeline(Readable.from(found.body), response).catch(() => undefined);
}

const connections = (): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });

/** Timers that are there. Vitest's own do not change while a test runs. */
const timers = (): number => process.getActiveResourcesInfo().filter((it) => it === "Timeout").length;

/** The server hears of a closed connection some turns later; an idle one would stay for seconds. */
async function connectionsLeft(): Promise<number> {
  for (let turn = 0; turn < 100; turn += 1) {
    if ((await connections()) === 0) return 0;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return connections();
}

/** Everything that opens connections or sets timers, well and badly. */
async function work(backend: ReturnType<typeof s3Backend>): Promise<void> {
  const large = key("dir/large.bin");
  await backend.replace(large, new Uint8Array(LARGE));
  await backend.create(key("dir/a.bin"), bytes("a"));
  await expect(backend.create(key("dir/a.bin"), bytes("b"))).rejects.toMatchObject({ code: "STORAGE_ALREADY_EXISTS" });
  expect(await backend.read(key("dir/none.bin"))).toBeUndefined();
  await Promise.all(Array.from({ length: 20 }, () => backend.read(key("dir/a.bin"))));
  for await (const entry of backend.list(storagePrefix(""))) if (entry.size > 0) break;
  for await (const piece of (await backend.stream(large)) ?? []) if (piece.length > 0) break;
  await backend.stream(large);
  // A stream that is begun, and neither read to its end nor left.
  await (await backend.stream(large))?.[Symbol.asyncIterator]().next();
  const hasty = s3Backend({ ...options, attempts: 2, timeoutMs: 50 });
  await expect(hasty.read(key(SILENT))).rejects.toMatchObject({ code: "STORAGE_READ_FAILED" });
  await hasty.close();
  const controller = new AbortController();
  const aborted = backend.read(key(SILENT), { signal: controller.signal });
  controller.abort("enough");
  await expect(aborted).rejects.toBe("enough");
}

describe("a backend that is closed", () => {
  it("leaves no connection and no timer behind", async () => {
    const before = timers();
    const backend = s3Backend(options);
    await work(backend);
    expect(await connections()).toBeGreaterThan(0);
    await backend.close();
    expect(await connectionsLeft()).toBe(0);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it("leaves the connections of others alone, and the last one takes all", async () => {
    const [one, other] = [s3Backend(options), s3Backend(options)];
    await work(one);
    await other.create(key("dir/other.bin"), new Uint8Array(LARGE));
    let length = 0;
    for await (const piece of (await other.stream(key("dir/other.bin"))) ?? []) {
      if (length === 0) {
        await one.close();
        await one.close();
        expect(await connections(), "kept for the other one").toBeGreaterThan(1);
      }
      length += piece.length;
    }
    expect(length).toBe(LARGE);
    expect(text(await other.read(key("dir/a.bin")))).toBe("a");
    await other.close();
    expect(await connectionsLeft()).toBe(0);
    const again = s3Backend(options);
    expect(text(await again.read(key("dir/a.bin"))), "opened anew").toBe("a");
    await again.close();
    expect(await connectionsLeft()).toBe(0);
  });

  it("leaves nothing when there are many, one after the other", async () => {
    const before = timers();
    for (let round = 0; round < 30; round += 1) {
      const backend = s3Backend(options);
      await backend.stat(key("dir/none.bin"));
      await backend.close();
    }
    expect(await connectionsLeft()).toBe(0);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it("leaves a port that was passed in to whoever made it", async () => {
    const port = nodeHttpPort();
    const backend = s3Backend({ ...options, port });
    await backend.stat(key("dir/none.bin"));
    await backend.close();
    expect(await connections()).toBe(1);
    await port.close();
    expect(await connectionsLeft()).toBe(0);
  });
});

describe("what fails, or ends by itself", () => {
  it("leaves no connection and no timer behind", async () => {
    const before = timers();
    expect(() => s3Backend({ ...options, credentials: { accessKeyId: "", secretAccessKey: "" } })).toThrow("accessKeyId");
    expect(await abortLeftovers({ ...options, olderThanMs: 1 })).toBe(0);
    expect(await connectionsLeft()).toBe(0);
    expect(timers()).toBeLessThanOrEqual(before);
  });
});
