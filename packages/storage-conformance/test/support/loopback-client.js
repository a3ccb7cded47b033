import { connect } from "node:net";
import { createInterface } from "node:readline";
import { StorageError } from "@holdfast/storage";

/** The part of a backend that the suite's jobs use, over a connection to `serveMemory`. `port` is a decimal number. */
export async function open(port) {
  const socket = connect(Number(port), "127.0.0.1");
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const waiting = new Map();
  createInterface({ input: socket }).on("line", (line) => {
    const { id, value, code, message } = JSON.parse(line);
    const { resolve, reject, operation } = waiting.get(id);
    waiting.delete(id);
    if (code === undefined) resolve(value);
    else reject(new StorageError(code, message, { operation }));
  });
  let lastId = 0;
  const ask = (operation, name = "", body = new Uint8Array(0)) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, { resolve, reject, operation });
      socket.write(`${JSON.stringify({ id: lastId, method: operation, name, body: Buffer.from(body).toString("base64") })}\n`);
    });
  return {
    name: "loopback",
    create: (key, body) => ask("create", key, body),
    replace: (key, body) => ask("replace", key, body),
    read: async (key) => {
      const content = await ask("read", key);
      return content === null ? undefined : Uint8Array.from(Buffer.from(content, "base64"));
    },
    appendable: {
      lock: async (prefix) => ({ name: await ask("lock", prefix), release: () => ask("release", prefix) }),
    },
    close: async () => {
      if (socket.destroyed) return;
      await ask("close");
      socket.destroy();
    },
  };
}
