import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { storageKey, storagePrefix } from "@holdfast/storage";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fsBackend, type FsBackend } from "../src/index.js";
import { rejection } from "./expect-error.js";
import { faultPort, gate } from "./fault-port.js";
import { tempRoot } from "./temp-root.js";

async function listed(backend: FsBackend, prefix = "", options: Parameters<FsBackend["list"]>[1] = {}): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.list(storagePrefix(prefix), options)) keys.push(key);
  return keys;
}

// Few characters, so that names are prefixes of each other: "-" < "." < "/" < "0" < "_" < "a".
const part = fc.string({ unit: fc.constantFrom("-", "0", "_", "a"), minLength: 1, maxLength: 2 });
const directory = fc.array(part, { maxLength: 2 }).map((parts) => parts.map((it) => `${it}/`).join(""));
const key = fc.tuple(directory, part, fc.constantFrom("0", "a", "a.0")).map(([at, name, extension]) => `${at}${name}.${extension}`);

test("lists keys ascending by their bytes, with prefix, after and limit, whatever else lies around", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { maxLength: 25 }),
      directory,
      fc.option(key, { nil: undefined }),
      fc.option(fc.nat(12), { nil: undefined }),
      async (keys, prefix, after, limit) => {
        const root = await tempRoot();
        for (const name of keys) {
          await mkdir(dirname(join(root, name)), { recursive: true });
          await writeFile(join(root, name), name);
        }
        for (const foreign of ["README", "notes", "A.txt", ".lock", ".hidden", "x..y", "é.bin", ".tmp-1-0-0"]) {
          await writeFile(join(root, foreign), "");
        }
        await mkdir(join(root, "dir.d/a"), { recursive: true });
        await writeFile(join(root, "dir.d/a/x.bin"), "");
        const backend = await fsBackend({ root });
        const expected = keys
          .map((it) => Buffer.from(it))
          .sort((a, b) => Buffer.compare(a, b))
          .map(String)
          .filter((it) => it.startsWith(prefix) && (after === undefined || Buffer.compare(Buffer.from(it), Buffer.from(after)) > 0))
          .slice(0, limit);
        const options = { after: after === undefined ? undefined : storageKey(after), limit };
        expect(await listed(backend, prefix, options)).toEqual(expected);
        await backend.close();
      },
    ),
    { numRuns: 60 },
  );
});

test("directories that lie wholly before after, or behind the limit, are not opened", async () => {
  const root = await tempRoot();
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  for (const name of ["a", "b", "c", "d"]) await backend.create(storageKey(`${name}/x.bin`), new Uint8Array(1));
  port.forget();
  expect(await listed(backend, "", { after: storageKey("b/x.bin"), limit: 1 })).toEqual(["c/x.bin"]);
  expect(port.calls.filter((it) => it.startsWith("readdir"))).toEqual(["readdir .", "readdir b", "readdir c"]);
});

test("what is removed between reading the directory and looking at the file is left out and not counted", async () => {
  const root = await tempRoot();
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  const keys = Array.from({ length: 40 }, (_, index) => storageKey(`a/${String(index).padStart(2, "0")}.bin`));
  for (const it of keys) await backend.create(it, new Uint8Array(1));
  const other = await fsBackend({ root });
  const door = gate();
  port.inject(/^lstat a\/0/, { until: door.opened }, { times: 5 });
  const list = listed(backend, "a/", { limit: 5 });
  await port.begun(/^lstat a\/04/);
  await other.remove(keys.slice(0, 3));
  door.open();
  expect(await list).toEqual(keys.slice(3, 8));
});

test("a symbolic link where a key or a directory could be is refused; where no key can be, it is passed over", async () => {
  const root = await tempRoot();
  const backend = await fsBackend({ root });
  await backend.create(storageKey("a/x.bin"), new Uint8Array(1));
  await symlink("x.bin", join(root, "a/Y.bin"));
  await symlink(".", join(root, "a/.loop"));
  expect(await listed(backend)).toEqual(["a/x.bin"]);
  await symlink(".", join(root, "a/loop"));
  expect((await rejection(listed(backend), "STORAGE_UNSAFE_PATH")).key).toBe("a/loop");
});

test("an error below is STORAGE_READ_FAILED, never a shorter list", async () => {
  const root = await tempRoot();
  const port = faultPort(root);
  const backend = await fsBackend({ root, port });
  for (const name of ["a/x.bin", "a/y.bin", "b/x.bin"]) await backend.create(storageKey(name), new Uint8Array(1));
  for (const call of ["readdir .", "readdir b", "lstat a/y.bin", "lstat b/x.bin"]) {
    port.inject(new RegExp(`^${call.replace(".", "\\.")}$`), { code: "EIO" });
    await rejection(listed(backend), "STORAGE_READ_FAILED");
  }
  expect(await listed(backend)).toHaveLength(3);
});
