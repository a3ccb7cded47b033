import { createServer } from "node:net";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { hasCode, memoryBackend, storageKey, storagePrefix } from "@holdfast/storage";
import type { MemoryDisk, StorageBackend, StorageLock } from "@holdfast/storage";

/** What a client asks for; bytes travel as base64. */
interface Question {
  readonly id: number;
  readonly method: "create" | "replace" | "read" | "lock" | "release" | "close";
  readonly name: string;
  readonly body: string;
}

/**
 * Serves memory to other processes over a loopback socket, so that the suite's processes and threads can be tried without a
 * file system: every connection is a handle of its own. The client is `loopback-client.js`.
 */
export async function serveMemory(disk: MemoryDisk): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const backend = memoryBackend({ disk });
    const locks = new Map<string, StorageLock>();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      void backend.close();
    });
    createInterface({ input: socket }).on("line", (line) => {
      const question = JSON.parse(line) as Question;
      void reply(question, backend, locks).then((answer) => socket.write(`${JSON.stringify({ id: question.id, ...answer })}\n`));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function reply(question: Question, backend: StorageBackend, locks: Map<string, StorageLock>): Promise<object> {
  try {
    return { value: await serve(question, backend, locks) };
  } catch (error) {
    const code = ["STORAGE_ALREADY_EXISTS", "STORAGE_LOCKED", "STORAGE_CLOSED"].find((it) => hasCode(error, it));
    return { code: code ?? "STORAGE_WRITE_FAILED", message: String(error) };
  }
}

async function serve({ method, name, body }: Question, backend: StorageBackend, locks: Map<string, StorageLock>): Promise<string | null> {
  switch (method) {
    case "create":
    case "replace":
      await backend[method](storageKey(name), Buffer.from(body, "base64"));
      return null;
    case "read": {
      const content = await backend.read(storageKey(name));
      return content === undefined ? null : Buffer.from(content).toString("base64");
    }
    case "lock": {
      const lock = await backend.appendable!.lock(storagePrefix(name));
      locks.set(name, lock);
      return lock.name;
    }
    case "release":
      await locks.get(name)?.release();
      return null;
    case "close":
      await backend.close();
      return null;
  }
}
