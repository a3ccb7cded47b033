import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { HttpPortError, type HttpPort, type HttpResponse } from "@holdfast/storage/ports";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeHttpPort } from "../src/index.js";

let server: Server;
let port: HttpPort;
let base: string;
let seen: IncomingMessage[];
let reply: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(request);
    request.resume();
    request.on("end", () => { reply(request, response); });
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  port = nodeHttpPort();
});

afterEach(async () => {
  await port.close();
  server.closeAllConnections();
  await new Promise((resolve) => { server.close(resolve); });
});

const textOf = async (response: HttpResponse): Promise<string> => {
  let text = "";
  for await (const piece of response.body) text += Buffer.from(piece).toString();
  return text;
};

const connections = (): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });

/** Within a second: an idle connection would be kept for four. */
const until = async (condition: () => Promise<boolean>): Promise<void> => {
  for (let turn = 0; turn < 100 && !(await condition()); turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await condition()).toBe(true);
};

const errorOf = async (work: Promise<unknown>): Promise<HttpPortError> => {
  const error: unknown = await work.then(() => undefined, (it: unknown) => it);
  expect(error).toBeInstanceOf(HttpPortError);
  return error as HttpPortError;
};

describe("nodeHttpPort", () => {
  it("sends what it is given, as it is given, and gives back what comes", async () => {
    reply = (request, response) => { response.writeHead(207, { "X-Thing": "a" }).end(`${request.method ?? ""} ${request.url ?? ""}`); };
    const response = await port.request({ method: "PUT", url: `${base}/a%2Fb%20c?x=%2B&y=`, headers: { "x-amz-meta-a": "1" }, body: Buffer.from("body") });
    expect(response.status).toBe(207);
    expect(response.headers["x-thing"]).toBe("a");
    expect(await textOf(response)).toBe("PUT /a%2Fb%20c?x=%2B&y=");
    expect(seen[0]?.headers).toMatchObject({ "x-amz-meta-a": "1", "content-length": "4" });
  });

  it("keeps connections", async () => {
    reply = (_, response) => { response.end("x"); };
    for (let count = 0; count < 3; count += 1) await textOf(await port.request({ method: "GET", url: base, headers: {} }));
    expect(new Set(seen.map(({ socket }) => socket.remotePort)).size).toBe(1);
  });

  it.each([
    ["no body and no length", 204, undefined],
    ["a body of a stated length", 200, "12345"],
    ["no body", 200, ""],
  ])("uses a connection again where the answer is discarded: %s", async (_, status, body) => {
    reply = (_request, response) => {
      response.writeHead(status, body === undefined ? {} : { "content-length": String(body.length) }).end(body);
    };
    for (let count = 0; count < 3; count += 1) {
      (await port.request({ method: "DELETE", url: base, headers: {} })).discard();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(new Set(seen.map(({ socket }) => socket.remotePort)).size).toBe(1);
    await port.close();
    await until(async () => (await connections()) === 0);
  });

  it("closes a connection whose answer is left in the middle, also when all of it has come", async () => {
    reply = (_, response) => { response.end(Buffer.alloc(150_000)); };
    for (const leave of ["break", "discard"]) {
      const response = await port.request({ method: "GET", url: base, headers: {} });
      for await (const piece of response.body) {
        // The rest comes meanwhile.
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(piece.length).toBeLessThan(150_000);
        if (leave === "discard") response.discard();
        break;
      }
      await until(async () => (await connections()) === 0);
    }
  });

  it("does not keep a connection that becomes idle after it was closed, and opens new ones when it is asked", async () => {
    let finish = (): void => undefined;
    reply = (_, response) => {
      response.writeHead(200, { "content-length": "2" }).write("a");
      finish = () => { response.end("b"); };
    };
    const response = await port.request({ method: "GET", url: base, headers: {} });
    await port.close();
    finish();
    expect(await textOf(response), "what is under way goes on").toBe("ab");
    await until(async () => (await connections()) === 0);
    reply = (_, answer) => { answer.end("x"); };
    expect(await textOf(await port.request({ method: "GET", url: base, headers: {} }))).toBe("x");
    expect(await connections()).toBe(1);
  });

  it("follows no redirect", async () => {
    reply = (_, response) => { response.writeHead(307, { location: "/elsewhere" }).end(); };
    const response = await port.request({ method: "GET", url: base, headers: {} });
    response.discard();
    expect([response.status, seen.length]).toEqual([307, 1]);
  });

  it("sends nothing twice when the connection breaks behind the request", async () => {
    reply = (request) => { request.socket.destroy(); };
    const error = await errorOf(port.request({ method: "PUT", url: `${base}/a?secret=1`, headers: { authorization: "hidden" }, body: Buffer.from("x") }));
    expect(error.outcome).toBe("unknown");
    expect(`${error.message} ${String(error.cause)}`).not.toMatch(/secret|hidden/);
    expect(seen).toHaveLength(1);
  });

  it("sends nothing twice when a kept connection breaks", async () => {
    reply = (_, response) => { response.end("x"); };
    await textOf(await port.request({ method: "GET", url: base, headers: {} }));
    reply = (request) => { request.socket.destroy(); };
    const error = await errorOf(port.request({ method: "PUT", url: base, headers: {}, body: Buffer.from("x") }));
    expect([error.outcome, seen.length]).toEqual(["unknown", 2]);
  });

  it("knows that nothing was sent where nobody listens", async () => {
    const gone = createTcpServer();
    await new Promise<void>((resolve) => { gone.listen(0, "127.0.0.1", resolve); });
    const { port: number } = gone.address() as AddressInfo;
    await new Promise((resolve) => { gone.close(resolve); });
    const error = await errorOf(port.request({ method: "PUT", url: `http://127.0.0.1:${number}/`, headers: {}, body: Buffer.from("x") }));
    expect(error.outcome).toBe("not_applied");
    expect(error.message).toContain("ECONNREFUSED");
  });

  it("gives up when nothing moves: before the answer, and within it", async () => {
    reply = () => undefined;
    expect((await errorOf(port.request({ method: "GET", url: base, headers: {}, timeoutMs: 50 }))).message).toContain("nothing moved for 50 ms");
    reply = (_, response) => { response.writeHead(200, { "content-length": "10" }).write("half"); };
    const response = await port.request({ method: "GET", url: base, headers: {}, timeoutMs: 50 });
    expect((await errorOf(textOf(response))).message).toContain("nothing moved for 50 ms");
  });

  it("tells a body that is shorter than it states from a whole one", async () => {
    reply = (_, response) => {
      response.writeHead(200, { "content-length": "10" }).write("half");
      setImmediate(() => response.destroy());
    };
    const response = await port.request({ method: "GET", url: base, headers: {} });
    expect((await errorOf(textOf(response))).outcome).toBe("unknown");
  });

  it("rejects with the signal's reason: before, while waiting, and while reading", async () => {
    const reason = new Error("enough");
    reply = () => undefined;
    await expect(port.request({ method: "GET", url: base, headers: {}, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(seen).toHaveLength(0);
    const waiting = new AbortController();
    reply = () => { waiting.abort(reason); };
    await expect(port.request({ method: "GET", url: base, headers: {}, signal: waiting.signal })).rejects.toBe(reason);
    const reading = new AbortController();
    reply = (_, response) => { response.writeHead(200, { "content-length": "10" }).write("half"); };
    const response = await port.request({ method: "GET", url: base, headers: {}, signal: reading.signal });
    setImmediate(() => { reading.abort(reason); });
    await expect(textOf(response)).rejects.toBe(reason);
  });
});
