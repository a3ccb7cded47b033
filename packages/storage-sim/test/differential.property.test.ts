import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeFsPort } from "@holdfast/storage-fs";
import type { FsFile, FsOpenMode, FsPort } from "@holdfast/storage/ports";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mildAdversary, SimDisk } from "../src/index.js";

/**
 * The same calls on a real directory and on a simulated disk: everything that a process can see has to be the same, the codes of
 * the errors included. What the system numbers, dates and orders as it likes is left out.
 */
describe.runIf(process.platform === "linux")("a simulated disk behaves as a real one", () => {
  test("for any calls", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(), { minLength: 1, maxLength: 40 }), async (steps) => {
        const root = await mkdtemp(join(tmpdir(), "holdfast-sim-"));
        try {
          const real = await transcript(nodeFsPort, root, steps);
          const simulated = await transcript(new SimDisk({ profile: "posix", adversary: mildAdversary }).port(), "", steps);
          expect(simulated).toEqual(real);
        } finally {
          await rm(root, { recursive: true, force: true });
        }
      }),
      { numRuns: 300 },
    );
  });
});

type Step =
  | { readonly call: "open"; readonly path: string; readonly mode: FsOpenMode; readonly dsync: boolean }
  | { readonly call: "mkdir" | "unlink" | "lstat" | "readdir" | "realpath" | "syncDirectory"; readonly path: string }
  | { readonly call: "link" | "rename"; readonly path: string; readonly to: string }
  | { readonly call: "write"; readonly file: number; readonly length: number; readonly at: number }
  | { readonly call: "read"; readonly file: number; readonly length: number; readonly at: number }
  | { readonly call: "truncate"; readonly file: number; readonly size: number }
  | { readonly call: "stat" | "sync" | "datasync" | "tryLock" | "unlock" | "close"; readonly file: number };

const PATHS = ["/a", "/b", "/c", "/d", "/d/a", "/d/b", "/d/e", "/d/e/a", "/a/x", "/none/x", `/${"n".repeat(255)}`, `/${"ü".repeat(128)}`];

function step(): fc.Arbitrary<Step> {
  const path = fc.constantFrom(...PATHS);
  const file = fc.nat({ max: 3 });
  const bytes = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 9000 }));
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ call: fc.constant("open" as const), path, mode: fc.constantFrom<FsOpenMode>("read", "create", "create", "write", "lock"), dsync: fc.nat({ max: 9 }).map((it) => it === 0) }) },
    { weight: 3, arbitrary: fc.record({ call: fc.constant("mkdir" as const), path }) },
    { weight: 3, arbitrary: fc.record({ call: fc.constantFrom("lstat" as const, "readdir" as const, "realpath" as const), path }) },
    { weight: 2, arbitrary: fc.record({ call: fc.constant("unlink" as const), path }) },
    { weight: 1, arbitrary: fc.record({ call: fc.constant("syncDirectory" as const), path }) },
    { weight: 6, arbitrary: fc.record({ call: fc.constantFrom("link" as const, "rename" as const), path, to: path }) },
    { weight: 6, arbitrary: fc.record({ call: fc.constantFrom("write" as const, "read" as const), file, length: bytes, at: bytes }) },
    { weight: 3, arbitrary: fc.record({ call: fc.constant("truncate" as const), file, size: bytes }) },
    { weight: 6, arbitrary: fc.record({ call: fc.constantFrom("stat" as const, "tryLock" as const, "unlock" as const, "close" as const), file }) },
    { weight: 1, arbitrary: fc.record({ call: fc.constantFrom("sync" as const, "datasync" as const), file }) },
  );
}

async function transcript(port: FsPort, root: string, steps: readonly Step[]): Promise<readonly unknown[]> {
  const files: FsFile[] = [];
  const lines: unknown[] = [];
  try {
    for (const it of steps) lines.push([it.call, await outcome(() => run(port, root, files, it))]);
    for (const path of PATHS) lines.push([path, await outcome(() => content(port, root + path))]);
  } finally {
    for (const file of files) await file.close().catch(() => undefined);
  }
  return lines;
}

async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return code;
  }
}

async function run(port: FsPort, root: string, files: FsFile[], it: Step): Promise<unknown> {
  switch (it.call) {
    case "open":
      files.push(await port.open(root + it.path, { mode: it.mode, dsync: it.dsync }));
      return "opened";
    case "mkdir":
      return port.mkdir(root + it.path, 0o700);
    case "link":
    case "rename":
      return port[it.call](root + it.path, root + it.to);
    case "unlink":
    case "syncDirectory":
      return port[it.call](root + it.path);
    case "realpath":
      return (await port.realpath(root + it.path)).slice(root.length);
    case "lstat":
      return visible(await port.lstat(root + it.path));
    case "readdir":
      return (await port.readdir(root + it.path)).map(({ name, kind }) => `${kind} ${name}`).sort();
    case "write":
    case "read":
    case "truncate":
    case "stat":
    case "sync":
    case "datasync":
    case "tryLock":
    case "unlock":
    case "close": {
      const file = files[it.file];
      return file === undefined ? "no file" : onFile(file, it);
    }
  }
}

async function onFile(file: FsFile, it: Extract<Step, { file: number }>): Promise<unknown> {
  switch (it.call) {
    case "write":
      return file.write(Uint8Array.from({ length: it.length }, (_, index) => 1 + (index % 250)), it.at);
    case "read": {
      const buffer = new Uint8Array(it.length + 2).fill(255);
      return [await file.read(buffer, 1, it.length, it.at), Buffer.from(buffer).toString("base64")];
    }
    case "truncate":
      return file.truncate(it.size);
    case "stat":
      return visible(await file.stat());
    case "sync":
    case "datasync":
    case "tryLock":
    case "unlock":
    case "close":
      return file[it.call]();
  }
}

/** Sizes and links of directories are the file system's own. */
function visible({ kind, size, links }: { readonly kind: string; readonly size: number; readonly links: number }): unknown {
  return kind === "file" ? { kind, size, links } : { kind };
}

async function content(port: FsPort, path: string): Promise<unknown> {
  const file = await port.open(path, { mode: "read" });
  try {
    const buffer = new Uint8Array(20_000);
    const length = await file.read(buffer, 0, buffer.byteLength, 0);
    return Buffer.from(buffer.subarray(0, length)).toString("base64");
  } finally {
    await file.close();
  }
}
