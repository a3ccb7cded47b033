import { memoryBackend, memoryDisk } from "@holdfast/storage";
import { expect, it } from "vitest";
import { conformanceCases, runConformanceCase } from "../src/index.js";
import type { ConformanceSubject } from "../src/index.js";
import { serveMemory } from "./support/loopback.js";

const CLIENT = new URL("./support/loopback-client.js", import.meta.url);

/** Cases with other processes, against memory that is served over a socket. */
const cases = conformanceCases.filter(
  (each) =>
    each.needs.includes("otherProcess") &&
    // What the client of the server can do: whole objects in one piece, and locks.
    ["race", "lock"].includes(each.chapter) &&
    // The server hears of a death only when the socket closes, some time after it: a file system has the lock free at once.
    each.name !== "a lock is free when the process that held it was killed",
);

async function openServed(module: URL = CLIENT, change: (subject: ConformanceSubject) => Partial<ConformanceSubject> = () => ({})): Promise<ConformanceSubject> {
  const disk = memoryDisk();
  const server = await serveMemory(disk);
  const subject: ConformanceSubject = {
    backend: memoryBackend({ disk }),
    reopen: () => Promise.resolve(memoryBackend({ disk })),
    cleanup: () => server.close(),
    otherProcess: { module, argument: String(server.port) },
  };
  return { ...subject, ...change(subject) };
}

const named = (name: string) => conformanceCases.find((each) => each.name === name)!;

for (const each of cases) {
  it(`${each.chapter}: ${each.name}`, { timeout: 60_000 }, async () => {
    expect(await runConformanceCase(each, { open: () => openServed() })).toEqual({ missing: undefined });
  });
}

it("a backend whose other processes see other contents fails", { timeout: 60_000 }, async () => {
  // Every handle here has contents of its own.
  const open = () => openServed(CLIENT, () => ({ backend: memoryBackend() }));
  for (const name of [
    "workers in several processes: no number is won twice, and none is missing",
    "a lock that is held in another process or worker thread is refused here until it is released",
    "while its holder rotates, replaces and removes, no process, worker thread or handle gets the lock",
  ]) {
    await expect(runConformanceCase(named(name), { open })).rejects.toThrow();
  }
});

it("a module that cannot be loaded, or exports no open, fails with what is wrong", { timeout: 60_000 }, async () => {
  for (const kind of ["workers in several processes", "workers in worker threads and processes"]) {
    const race = conformanceCases.find((each) => each.name.startsWith(kind))!;
    const missing = new URL("./support/no-such-module.js", import.meta.url);
    await expect(runConformanceCase(race, { open: () => openServed(missing) })).rejects.toThrow(/no-such-module/);
    const other = new URL("../dist/samples.js", import.meta.url);
    await expect(runConformanceCase(race, { open: () => openServed(other) })).rejects.toThrow(/exports no function open/);
  }
});

it("a case without what it needs is skipped and says what is missing", async () => {
  const open = (): Promise<ConformanceSubject> => {
    const disk = memoryDisk();
    return Promise.resolve({
      backend: memoryBackend({ disk, appendable: false }),
      reopen: () => Promise.resolve(memoryBackend({ disk, appendable: false })),
      cleanup: () => Promise.resolve(),
    });
  };
  for (const each of conformanceCases.filter((it) => it.needs.length > 0)) {
    expect(await runConformanceCase(each, { open })).toEqual({ missing: each.needs[0] });
  }
});

it("every handle is closed and the contents are cleaned up, also when the case fails", async () => {
  const log: string[] = [];
  const disk = memoryDisk();
  const logged = (name: string) => {
    const inner = memoryBackend({ disk });
    return Object.assign(Object.create(inner) as typeof inner, {
      close: () => {
        log.push(`close ${name}`);
        return inner.close();
      },
    });
  };
  const run = runConformanceCase(
    {
      chapter: "test",
      name: "fails",
      needs: [],
      async run({ reopen, defer }) {
        await reopen();
        defer(async () => {
          log.push("deferred");
        });
        throw new Error("broken");
      },
    },
    {
      open: async () => ({
        backend: logged("first"),
        reopen: async () => logged("second"),
        cleanup: async () => {
          log.push("cleanup");
        },
      }),
    },
  );
  await expect(run).rejects.toThrow("broken");
  expect(log).toEqual(["deferred", "close second", "close first", "cleanup"]);
});
