import { memoryBackend, memoryDisk, type AppendFile, type MemoryDisk, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { s3Backend } from "@holdfast/storage-s3";
import { seededRandom, SimDisk, virtualClock, type Adversary, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore, type SimClient } from "@holdfast/storage-sim/object-store";
import type { FsPort, RandomSource } from "@holdfast/storage/ports";

/** Storage whose process can be stopped in any call, and what is left of it. */
export interface World {
  readonly clock: VirtualClock;
  readonly random: RandomSource;
  /** The storage, as the one process sees it that runs now. */
  open(): Promise<StorageBackend>;
  /** The file system below it, where there is one. */
  readonly port?: FsPort | undefined;
  /** From this call on (counted from 1, from now on) none is answered. Resolves when it is made. */
  stopAt(call: number): Promise<void>;
  /** The process dies, or the power goes. Answers the world after that. */
  crash(): World;
}

/** Runs work, and lets time pass where nothing goes on without. */
export function driven<T>({ clock }: World, work: Promise<T>): Promise<T> {
  return driveClock(clock, work);
}

export const worlds: readonly (readonly [string, (adversary: Adversary) => World])[] = [
  ["memory", () => memoryWorld(true)],
  ["memory without append", () => memoryWorld(false)],
  ["a simulated disk", (adversary) => diskWorld(new SimDisk({ profile: "posix", adversary, clock: START }), parts())],
  ["a simulated ordered disk", (adversary) => diskWorld(new SimDisk({ profile: "ordered", adversary, clock: START }), parts())],
  ["a simulated object store", (adversary) => objectWorld(adversary)],
];

const START = { now: () => 946_684_800_000 };

type Parts = Pick<World, "clock" | "random">;

function parts(): Parts {
  return { clock: virtualClock(), random: seededRandom(1) };
}

function diskWorld(disk: SimDisk, its: Parts): World {
  const port = disk.port();
  return {
    ...its,
    port,
    open: () => fsBackend({ root: "/data", port, ...its }),
    stopAt: (call) => disk.stopAt(disk.calls + call),
    crash: () => diskWorld(disk.crash({ kind: "power" }), its),
  };
}

function memoryWorld(appendable: boolean, disk: MemoryDisk = memoryDisk(), its: Parts = parts()): World {
  const stops = new Stops();
  return {
    ...its,
    open: async () => stoppable(memoryBackend({ disk, appendable, clock: its.clock }), stops),
    stopAt: (call) => stops.at(call),
    crash: () => {
      stops.stop();
      disk.crash();
      return memoryWorld(appendable, disk, its);
    },
  };
}

function objectWorld(adversary: Adversary): World {
  const its = parts();
  return clientWorld(new SimObjectStore({ clock: its.clock, adversary }), its);
}

function clientWorld(store: SimObjectStore, its: Parts): World {
  const client: SimClient = store.client();
  return {
    ...its,
    open: async () =>
      s3Backend({
        ...its,
        bucket: "bucket",
        endpoint: "http://localhost",
        region: "us-east-1",
        credentials: { accessKeyId: "id", secretAccessKey: "secret" },
        port: client.port,
      }),
    // Every request is two steps: on its way, and done without its answer having come.
    stopAt(call) {
      let left = call;
      return new Promise((resolve) => {
        const end = store.observe(() => {
          left -= 1;
          if (left !== 0) return;
          client.kill();
          end();
          resolve();
        });
      });
    },
    crash: () => {
      client.kill();
      return clientWorld(store, its);
    },
  };
}

/** Stops a process before a call, or behind it: two steps each. */
class Stops {
  #left = Infinity;
  #stopped: (() => void) | undefined;
  #isStopped = false;

  at(call: number): Promise<void> {
    this.#left = call;
    return new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  async step(): Promise<void> {
    this.#left -= 1;
    if (this.#left <= 0) this.#isStopped = true;
    if (!this.#isStopped) return;
    this.#stopped?.();
    await new Promise(() => undefined);
  }
}

function stoppable(inner: StorageBackend, stops: Stops): StorageBackend {
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    await stops.step();
    const answer = await run();
    await stops.step();
    return answer;
  };
  const file = (it: AppendFile): AppendFile => ({
    key: it.key,
    get size() {
      return it.size;
    },
    append: (bytes, options) => call(() => it.append(bytes, options)),
    sync: () => call(() => it.sync()),
    truncate: (size) => call(() => it.truncate(size)),
    close: () => call(() => it.close()),
    [Symbol.asyncDispose]: () => it.close(),
  });
  const { appendable } = inner;
  return {
    name: inner.name,
    appendable: appendable && {
      lock: (prefix, options) => call(() => appendable.lock(prefix, options)),
      open: (key, options) => call(async () => file(await appendable.open(key, options))),
    },
    read: (key, options) => call(() => inner.read(key, options)),
    stream: (key, options) => call(() => inner.stream(key, options)),
    stat: (key, options) => call(() => inner.stat(key, options)),
    create: (key, body, options) => call(() => inner.create(key, body, options)),
    replace: (key, body, options) => call(() => inner.replace(key, body, options)),
    async *list(prefix, options) {
      await stops.step();
      yield* inner.list(prefix, options);
    },
    remove: (keys, options) => call(() => inner.remove(keys, options)),
    close: () => inner.close(),
    [Symbol.asyncDispose]: () => inner.close(),
  };
}
