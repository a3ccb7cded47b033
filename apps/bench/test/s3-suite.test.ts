import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import type { HttpPort } from "@holdfast/storage/ports";
import { nodeHttpPort } from "@holdfast/storage-s3";
import { afterEach, describe, expect, it } from "vitest";

import type { startDelayProxy } from "../src/s3/delay-proxy.js";
import { formatIdleReport, parseIdleReport } from "../src/s3/idle-report.js";
import { allRequests, costOf, countingPort, scaled } from "../src/s3/request-counts.js";
import { parseS3Options } from "../src/s3/suite-options.js";

/** A port that answers everything with five bytes. */
const answering: HttpPort = {
  name: "answering",
  request: () =>
    Promise.resolve({
      status: 200,
      headers: { "content-length": "5" },
      body: { async *[Symbol.asyncIterator]() { yield new Uint8Array(5); } },
      discard: () => undefined,
    }),
  close: () => Promise.resolve(),
};

describe("counting requests", () => {
  it("sorts them by what stores charge for, with the bytes of their bodies", async () => {
    const port = countingPort(answering);
    const at = "http://localhost/bucket";
    const send = (method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT", path: string, bytes = 0): Promise<unknown> =>
      port.request({ method, url: `${at}${path}`, headers: {}, ...(bytes === 0 ? {} : { body: new Uint8Array(bytes) }) });
    await send("PUT", "/a.x", 100);
    await send("POST", "/a.x?uploads=");
    await send("GET", "?list-type=2&prefix=a");
    await send("GET", "/a.x");
    await send("HEAD", "/a.x");
    await send("POST", "?delete=", 10);
    await send("DELETE", "/a.x");
    const counts = port.taken();
    expect(counts).toEqual({ puts: 2, lists: 1, gets: 2, deletes: 2, sentBytes: 110, receivedBytes: 30 });
    expect(allRequests(counts)).toBe(7);
    expect(costOf(counts, { put: 5, get: 0.5 })).toBeCloseTo((3 * 5 + 2 * 0.5) / 1000);
    expect(scaled(counts, 10)).toEqual({ puts: 20, lists: 10, gets: 20, deletes: 20, sentBytes: 1100, receivedBytes: 300 });
    expect(allRequests(port.taken())).toBe(0);
  });

  it("counts an attempt that fails", async () => {
    const port = countingPort({ ...answering, request: () => Promise.reject(new Error("no connection")) });
    await expect(port.request({ method: "PUT", url: "http://localhost/b/a.x", headers: {} })).rejects.toThrow("no connection");
    expect(port.taken().puts).toBe(1);
  });
});

describe("the delay proxy", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function echo(): Promise<string> {
    const server = createServer((request, response) => request.pipe(response));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it("hands on every byte in order, each piece later", async () => {
    // The program starts the thread from what is built; so does this test.
    const { startDelayProxy: startBuilt } = (await import(new URL("../dist/s3/delay-proxy.js", import.meta.url).href)) as { startDelayProxy: typeof startDelayProxy };
    const port = nodeHttpPort();
    const proxy = await startBuilt(await echo(), 4);
    try {
      const body = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
      const response = await port.request({ method: "POST", url: `${proxy.endpoint}/`, headers: {}, body });
      const pieces: Uint8Array[] = [];
      for await (const piece of response.body) pieces.push(piece);
      expect(Buffer.compare(Buffer.concat(pieces), body)).toBe(0);
    } finally {
      await port.close();
      await proxy.stop();
    }
  });
});

describe("reports of idle logs", () => {
  it("come back as they were", () => {
    const report = { newPerSecond: 1234.5, againPerSecond: 99, bytesPerLog: 6000.25 };
    expect(parseIdleReport(formatIdleReport(report).trimEnd())).toEqual(report);
  });

  it.each(["", "1 2", "1 2 3 4", "1 2 x"])("are refused when they are none: %j", (line) => {
    expect(() => parseIdleReport(line)).toThrow("not understood");
  });
});

describe("the options of the suite", () => {
  it("have the prices as inputs", () => {
    const options = parseS3Options(["--put-price", "0.01", "--get-price", "0.001", "--only", "open"], []);
    expect(options).toMatchObject({ putPrice: 0.01, getPrice: 0.001, runs: 3, seconds: 2, server: undefined });
    expect(options.only?.test("s3-open")).toBe(true);
  });
});
