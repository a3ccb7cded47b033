import { storageKey, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePath } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { applyProjection } from "../src/files/apply-projection.js";
import { localDirectories } from "../src/files/directory-access.js";
import { changedFiles } from "../src/files/inspect-projection.js";
import { KnownFiles } from "../src/files/known-files.js";
import { prepareProjection } from "../src/files/prepare-projection.js";
import { openRuntimeDirectory } from "../src/index.js";
import { PREFIX, ProjectedRuntime } from "./support/projected.js";

const KEY = storageKey("hints/files.known");
const WORKER = `${PREFIX}workers/id-776f726b65722d3030303030303031`;

/** Files that were written by one process, remembered, and are looked at by the next. */
async function remembered(): Promise<{ readonly root: string; readonly storage: StorageBackend; readonly marks: Parameters<typeof changedFiles>[2]; readonly known: () => KnownFiles }> {
  const root = freePath();
  const storage = await fsBackend({ root });
  const known = (): KnownFiles => new KnownFiles({ storage, directories: localDirectories(root), key: KEY });
  const runtime = new ProjectedRuntime();
  runtime.create();
  runtime.input(0, "one");
  const batch = prepareProjection(PREFIX, new Map(), runtime.takeChanges());
  const first = known();
  await applyProjection(batch, { storage, known: first });
  await first.remember(PREFIX, batch.after);
  return { root, storage, marks: batch.after, known };
}

describe("files that were remembered", () => {
  it("are known to be untouched", async () => {
    const { storage, marks, known } = await remembered();
    expect(await known().areUntouched(PREFIX, marks)).toBe(true);
    expect(await changedFiles(storage, PREFIX, marks, { known: known() })).toEqual([]);
    await storage.close();
  });

  it.each<readonly [what: string, key: string, change: (path: string) => void]>([
    ["a line more", `${PREFIX}events.jsonl`, (path) => { writeFileSync(path, "{}\n", { flag: "a" }); }],
    [
      "one of the same length and time",
      `${PREFIX}runtime.json`,
      (path) => {
        const { atime, mtime } = statSync(path);
        writeFileSync(path, readFileSync(path, "utf8").replace("running", "stopped"));
        utimesSync(path, atime, mtime);
      },
    ],
    ["another file in its place", `${WORKER}/worker.json`, (path) => {
      cpSync(path, `${path}.copy`, { preserveTimestamps: true });
      writeFileSync(`${path}.copy`, readFileSync(path, "utf8").replace("running", "stopped"));
      renameSync(`${path}.copy`, path);
    }],
    ["a file that is gone", `${WORKER}/transcript.jsonl`, (path) => { rmSync(path); }],
    ["a worker more", `${PREFIX}workers/id-78/worker.json`, (path) => {
      mkdirSync(join(path, ".."));
      writeFileSync(path, "{}");
    }],
  ])("are compared when somebody touched them: %s", async (_, key, change) => {
    const { root, storage, marks, known } = await remembered();
    change(join(root, key));
    expect(await changedFiles(storage, PREFIX, marks, { known: known() })).toEqual([key]);
    await storage.close();
  });

  it("are compared where the marks are other ones, or what was remembered is not readable", async () => {
    const { storage, marks, known } = await remembered();
    const others = new Map([...marks].map(([key, mark]) => [key, { ...mark, crc32c: mark.crc32c ^ 1 }]));
    expect(await known().areUntouched(PREFIX, others)).toBe(false);
    await storage.replace(KEY, Buffer.from("nonsense"));
    expect(await known().areUntouched(PREFIX, marks)).toBe(false);
    await storage.remove([KEY]);
    expect(await known().areUntouched(PREFIX, marks)).toBe(false);
    expect(await changedFiles(storage, PREFIX, marks, { known: known() })).toEqual([]);
    await storage.close();
  });

  it("are not taken for untouched when somebody changed them before they were remembered", async () => {
    const { root, storage, marks, known } = await remembered();
    const second = known();
    expect(await changedFiles(storage, PREFIX, marks, { known: second })).toEqual([]);
    writeFileSync(join(root, WORKER, "worker.json"), "{}");
    // Another file is written, so that there is something to remember.
    await second.take([storageKey(`${PREFIX}events.jsonl`)]);
    await second.remember(PREFIX, marks);
    expect(await changedFiles(storage, PREFIX, marks, { known: known() })).toEqual([`${WORKER}/worker.json`]);
    await storage.close();
  });
});

it("a file that somebody changed while the directory was open is taken over when it is opened again", async () => {
  const root = freePath();
  const store = await openRuntimeDirectory(root, { runtimeId: "r" });
  await store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
  await store.checkpoint();
  const file = join(root, WORKER, "worker.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"running"', '"stopped"'));
  await store.close();
  const again = await openRuntimeDirectory(root, { runtimeId: "r" });
  expect(again.getWorker("worker-00000001").status).toBe("stopped");
  expect(again.diagnostics().map(({ code }) => code)).toContain("files.imported");
  await again.close();
});
