import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { storageKey, type AppendFile } from "@holdfast/storage";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { faultPort, type FaultPort } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

const KEY = storageKey("log/1.wal");
const BLOCK = 4096;
const MIB = 1024 * 1024;
/** How a port refuses to write past the cache. */
const refusals = {
  "at open": { call: /^open .* direct/, fault: { code: "EINVAL" } },
  "at the first write": { call: /^write .* direct/, fault: { code: "EINVAL" } },
} as const;

interface Opened {
  readonly port: FaultPort;
  readonly file: AppendFile;
  readonly read: () => Promise<Buffer>;
}

/** A file with reserved space on a port that syncs each write, and tells its calls. */
async function open(options: { readonly directWrites?: boolean; readonly before?: (port: FaultPort, root: string) => void } = {}): Promise<Opened> {
  const root = await tempRoot();
  const port = faultPort(root, { fileSystem: () => Promise.resolve({ type: "ext4", localLocks: true, copyOnWrite: false }) });
  const backend = await fsBackend({ root, port, directWrites: options.directWrites });
  options.before?.(port, root);
  const file = await backend.appendable.open(KEY, { mode: "create", reserveBytes: 64 * MIB });
  return { port, file, read: () => readFile(join(root, KEY)) };
}

const written = (port: FaultPort): readonly string[] => port.calls.filter((it) => it.startsWith("write log"));
const direct = (port: FaultPort): readonly string[] => written(port).filter((it) => it.includes(" direct "));

function filled(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 17 + seed * 7 + 1) & 255);
}

// Where the platform has no O_DIRECT everything goes through the cache, and other tests show that.
describe.runIf(process.platform === "linux")("writes past the cache", () => {
  test("whole blocks, and the bytes of the block in which the appends ended once more", async () => {
    const { port, file, read } = await open();
    const appends = [filled(4096, 1), filled(100, 2), filled(5000, 3), filled(1, 4)];
    for (const bytes of appends) await file.append(bytes);
    expect(direct(port).map((it) => it.split(" ").at(-1))).toEqual(["4096@0", "65536@4096", "8192@4096", "4096@8192"]);
    expect(written(port)).toEqual(direct(port));
    expect((await read()).subarray(0, file.size)).toEqual(Buffer.concat(appends));
    expect((await read()).subarray(file.size).every((byte) => byte === 0)).toBe(true);
    await file.close();
    expect(await read(), "what stands behind the appends goes at the end").toEqual(Buffer.concat(appends));
    expect(port.openFiles).toBe(0);
  });

  test("the file reads as the appends that were acknowledged and zeros, whatever lengths, gaps and short writes", async () => {
    const step = fc.record({
      length: fc.oneof(fc.integer({ min: 1, max: 3 * BLOCK }), fc.constantFrom(1, BLOCK - 1, BLOCK, BLOCK + 1, 70_000, 300_000, MIB + 1)),
      gap: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 * BLOCK }) }),
      short: fc.option(fc.integer({ min: 0, max: 24 }).map((sectors) => sectors * 512), { freq: 2 }), // Disks stop at a sector.
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { port, file, read } = await open();
        let model = Buffer.alloc(0);
        for (const [index, { length, gap, short }] of steps.entries()) {
          const bytes = filled(length, index);
          if (short !== null) port.inject(/^write .* direct/, { written: short });
          const at = file.size + gap;
          await file.append(bytes, { at });
          model = Buffer.concat([model, Buffer.alloc(gap), bytes]);
          const seen = await read();
          expect(seen.subarray(0, model.length).equals(model)).toBe(true);
          expect(seen.subarray(model.length).every((byte) => byte === 0)).toBe(true);
        }
        for (const call of direct(port)) {
          const [bytes, at] = (call.split(" ").at(-1) ?? "").split("@").map(Number);
          expect([bytes! % BLOCK, at! % BLOCK], call).toEqual([0, 0]);
        }
        await file.close();
        expect((await read()).equals(model)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test("what an append leaves out in its block reads as zeros for good", async () => {
    const { file, read } = await open();
    await file.append(filled(8000, 1));
    await file.append(filled(10, 2), { at: 9000 });
    await file.append(filled(10, 3), { at: 9020 });
    await file.append(filled(10, 4));
    const expected = Buffer.alloc(9040);
    for (const [at, bytes] of [[0, filled(8000, 1)], [9000, filled(10, 2)], [9020, filled(10, 3)], [9030, filled(10, 4)]] as const) expected.set(bytes, at);
    await file.close();
    expect(await read()).toEqual(expected);
  });

  test.each(["at open", "at the first write"] as const)("where it is refused %s everything goes through the cache", async (when) => {
    const { call, fault } = refusals[when];
    const { port, file, read } = await open({ before: (it) => { it.inject(call, fault); } });
    const appends = [filled(4096, 1), filled(100, 2), filled(5000, 3)];
    for (const bytes of appends) await file.append(bytes);
    expect(direct(port).length).toBe(when === "at open" ? 0 : 1);
    expect(written(port).filter((it) => !it.includes(" direct ")).map((it) => it.split(" ").at(-1))).toEqual(["4096@0", "65536@4096", "5000@4196"]);
    await file.close();
    expect(await read()).toEqual(Buffer.concat(appends));
    expect(port.openFiles).toBe(0);
  });

  test("is not tried when it is not wanted", async () => {
    const { port, file } = await open({ directWrites: false });
    await file.append(filled(10_000, 1));
    expect(port.calls.filter((it) => it.includes(" direct"))).toEqual([]);
    expect(written(port)).toHaveLength(1);
    await file.close();
  });

  test("not into another file that has the name by now", async () => {
    let root = "";
    const { port, file } = await open({
      before: (it, at) => {
        root = at;
        it.inject(/^open write .* direct/, {
          first: async () => {
            await rename(join(at, KEY), join(at, "log/moved.wal"));
            await writeFile(join(at, KEY), "another");
          },
        });
      },
    });
    await file.append(filled(10, 1));
    expect(direct(port)).toEqual([]);
    expect(await readFile(join(root, KEY), "utf8")).toBe("another");
    expect((await readFile(join(root, "log/moved.wal"))).subarray(0, 10)).toEqual(Buffer.from(filled(10, 1)));
    await file.close();
    expect(port.openFiles).toBe(0);
  });

  test("a failed write poisons, and nothing is cut off or closed too early", async () => {
    const { port, file, read } = await open();
    await file.append(filled(5000, 1));
    port.inject(/^write .* direct/, { code: "EIO", done: true });
    expect(await rejection(file.append(filled(100, 2)), "STORAGE_WRITE_FAILED")).toMatchObject({ outcome: "unknown", offset: 5000 });
    await rejection(file.append(filled(1, 3)), "STORAGE_POISONED");
    await file.close();
    expect(port.calls.some((it) => it.startsWith("truncate"))).toBe(false);
    expect((await read()).subarray(0, 5000)).toEqual(Buffer.from(filled(5000, 1)));
    expect(port.openFiles).toBe(0);
  });

  test("no room for whole blocks and zeros: the append's own bytes are written through the cache, and so is what follows", async () => {
    const { port, file, read } = await open();
    const appends = [filled(5000, 1), filled(100, 2), filled(200, 3)];
    await file.append(appends[0]!);
    port.inject(/^write .* direct/, { code: "ENOSPC" });
    await file.append(appends[1]!);
    await file.append(appends[2]!);
    expect(written(port).slice(-2).map((it) => it.split(" ").slice(-1)[0])).toEqual(["100@5000", "200@5100"]);
    expect((await read()).subarray(0, 5300)).toEqual(Buffer.concat(appends));
    await file.close();
  });

  test("after a cut the file goes on where it was cut", async () => {
    const { port, file, read } = await open();
    await file.append(filled(9000, 1));
    await file.truncate(4100);
    await file.append(filled(3000, 2));
    await file.close();
    expect(await read()).toEqual(Buffer.concat([filled(9000, 1).subarray(0, 4100), filled(3000, 2)]));
    expect(port.openFiles).toBe(0);
  });
});
