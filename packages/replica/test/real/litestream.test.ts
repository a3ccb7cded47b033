import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fsBackend } from "@holdfast/storage-fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { detectLayout } from "../../src/generations.js";
import type { ReplicaLayoutName } from "../../src/layouts.js";
import { formatIndex } from "../../src/numbers.js";
import { replicaClient, type ReplicaClient } from "../../src/replica-client.js";
import { isEqual, joined, pieces } from "../support/pieces.js";
import { databaseParts, rebuildDatabase } from "../support/rebuild.js";
import { checkpointedBySqlite, dump, inScratch, litestream, newerLitestream, restoreBy, run } from "./programs.js";
import { replicatedDatabase, type ReplicatedDatabase } from "./replicated-database.js";
import { writtenDatabase } from "./written-database.js";

describe.skipIf(litestream === undefined)("a replica that litestream wrote", () => {
  const program = litestream!;
  let directory = "";
  let replica: ReplicatedDatabase;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-litestream-"));
    replica = await replicatedDatabase(program, directory);
  }, 60_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("is listed as litestream lists it", () =>
    withClient(replica.root, "litestream-v0.3", async (client) => {
      const { generation } = replica;
      expect(await client.generations()).toEqual([generation]);
      const snapshots = (await listed(client.snapshots(generation))).map(({ index, size }) => [generation, index, size].join(" "));
      const segments = (await listed(client.walSegments(generation))).map(({ index, offset, size }) => [generation, index, offset, size].join(" "));
      expect(snapshots).toEqual(table("snapshots", replica.root));
      expect(segments).toEqual(table("wal", replica.root));
      expect([snapshots.length > 1, segments.length > 8]).toEqual([true, true]);
    }));

  it("is read strictly, and gives the database that litestream restores, at every index", () =>
    withClient(replica.root, "litestream-v0.3", async (client) => {
      const indexes = await indexesOf(client, replica.generation);
      expect(indexes.length).toBeGreaterThan(2);
      for (const index of indexes) await expectSame(client, replica, index, await restored(replica.root, replica.generation, index));
    }));

  it("gives what SQLite itself makes of snapshot and WAL, and the content of the database", () =>
    withClient(replica.root, "litestream-v0.3", async (client) => {
      const { snapshot, wal } = await databaseParts(client, replica.generation);
      expect(wal.size).toBeGreaterThan(0);
      let database = snapshot;
      for (const bytes of wal.values()) database = await checkpointedBySqlite(database, bytes);
      expect(isEqual(database, await rebuildDatabase(client, replica.generation))).toBe(true);
      expect(await dump(database)).toBe(replica.content);
    }));

  describe.each([
    ["each object as it is", 0],
    ["segments of 700 bytes, wherever that cuts a frame", 700],
    ["all WAL of an index in one segment", 1 << 30],
  ])("copied by the client: %s", (_name, segmentBytes) => {
    it("is restored by litestream to the same database, at every index", () =>
      withCopy(replica, "litestream-v0.3", segmentBytes, async (copy, root) => {
        for (const index of await indexesOf(copy, replica.generation)) {
          const theirs = await restored(root, replica.generation, index);
          expect(isEqual(theirs, await restored(replica.root, replica.generation, index))).toBe(true);
          await expectSame(copy, replica, index, theirs);
        }
      }));

    it.skipIf(newerLitestream === undefined)("is restored by a newer litestream to the same content", () =>
      withCopy(replica, "litestream-v0.3", segmentBytes, async (_copy, root) => {
        expect(await dump(databaseOf(await restoreBy(newerLitestream!, root)))).toBe(replica.content);
      }));
  });

  it("is restored by litestream when it was written in the layout of 0.4 and then renamed", () =>
    withCopy(replica, "litestream-v0.4", 0, async (_copy, root) => {
      const at = join(root, "generations", replica.generation);
      for (const name of await readdir(join(at, "snapshots"))) await rename(join(at, "snapshots", name), join(at, "snapshots", name.slice(8)));
      for (const index of await readdir(join(at, "wal"))) {
        for (const name of await readdir(join(at, "wal", index))) await rename(join(at, "wal", index, name), join(at, "wal", `${index.slice(8)}_${name.slice(8)}`));
      }
      expect(isEqual(databaseOf(await restoreBy(program, root)), databaseOf(await restoreBy(program, replica.root)))).toBe(true);
    }));
});

describe.skipIf(litestream === undefined)("the snapshot of a database that fills blocks of LZ4 to the last byte", () => {
  it("is read strictly", () =>
    inScratch(async (directory) => {
      const { root, generation } = await replicatedDatabase(litestream!, directory, 4 * 1024 * 1024);
      await withClient(root, "litestream-v0.3", async (client) => {
        const { snapshot } = await databaseParts(client, generation, 0n);
        expect(snapshot.length).toBe(4 * 1024 * 1024);
        expect(isEqual(await rebuildDatabase(client, generation), await restored(root, generation, (await indexesOf(client, generation)).at(-1)!))).toBe(true);
      });
    }));
});

describe.skipIf(litestream === undefined)("a replica that litestream never saw", () => {
  it("is restored by litestream, at every index, to what SQLite had", () =>
    inScratch(async (directory) => {
      const root = join(directory, "replica");
      const states = await writtenDatabase(directory, root);
      expect(states.databases.length).toBe(4);
      for (const [index, database] of states.databases.entries()) {
        expect(isEqual(await restored(root, states.generation, BigInt(index)), database)).toBe(true);
      }
      if (newerLitestream === undefined) return;
      expect(await dump(databaseOf(await restoreBy(newerLitestream, root)))).toBe(await dump(states.databases.at(-1)!));
    }));
});

/** The columns of a table that litestream prints, without the name of the replica and the time. */
function table(command: "snapshots" | "wal", root: string): readonly string[] {
  const { status, stdout } = run(litestream!, [command, `file://${root}`]);
  expect(status).toBe(0);
  const rows = stdout.toString().trim().split("\n").slice(1).map((line) => line.trim().split(/\s+/).slice(1, -1).join(" "));
  return rows.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

async function expectSame(client: ReplicaClient, { generation }: ReplicatedDatabase, index: bigint, theirs: Uint8Array): Promise<void> {
  expect(isEqual(await rebuildDatabase(client, generation, index), theirs)).toBe(true);
}

async function restored(root: string, generation: string, index: bigint): Promise<Uint8Array> {
  return databaseOf(await restoreBy(litestream!, root, ["-generation", generation, "-index", formatIndex(index).slice(8)]));
}

function databaseOf(answer: Awaited<ReturnType<typeof restoreBy>>): Uint8Array {
  if ("error" in answer) throw new Error(`litestream says: ${answer.error}`);
  return answer.database;
}

async function listed<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const it of source) all.push(it);
  return all;
}

async function indexesOf(client: ReplicaClient, generation: string): Promise<readonly bigint[]> {
  return [...new Set((await listed(client.walSegments(generation))).map(({ index }) => index))];
}

async function withClient(root: string, layout: ReplicaLayoutName, work: (client: ReplicaClient) => Promise<void>): Promise<void> {
  const storage = await fsBackend({ root });
  try {
    expect(await detectLayout({ storage, prefix: "" })).toBe(layout);
    await work(replicaClient({ storage, prefix: "", layout }));
  } finally {
    await storage.close();
  }
}

/** A copy that our client read and wrote. @param segmentBytes - Of WAL, in each segment; 0: the same segments. */
async function withCopy(from: ReplicatedDatabase, layout: ReplicaLayoutName, segmentBytes: number, work: (copy: ReplicaClient, root: string) => Promise<void>): Promise<void> {
  await inScratch(async (directory) => {
    const root = join(directory, "copy");
    await mkdir(root);
    const storage = await fsBackend({ root });
    const copy = replicaClient({ storage, prefix: "", layout });
    await withClient(from.root, "litestream-v0.3", async (client) => {
      await copyReplica(client, copy, from.generation, segmentBytes);
    });
    await work(copy, root);
    await storage.close();
  });
}

async function copyReplica(from: ReplicaClient, to: ReplicaClient, generation: string, segmentBytes: number): Promise<void> {
  for await (const { index } of from.snapshots(generation)) await to.writeSnapshot(generation, index, await joined(await from.snapshotReader(generation, index)));
  if (segmentBytes === 0) {
    for await (const pos of from.walSegments(generation)) await to.writeWalSegment(pos, await joined(await from.walSegmentReader(pos)));
    return;
  }
  for (const index of await indexesOf(from, generation)) {
    const segments = (await listed(from.walSegments(generation))).filter((it) => it.index === index);
    const wal = Buffer.concat(await Promise.all(segments.map(async (pos) => joined(await from.walSegmentReader(pos)))));
    let offset = 0n;
    for await (const bytes of pieces(wal, segmentBytes)) {
      await to.writeWalSegment({ generation, index, offset }, bytes);
      offset += BigInt(bytes.length);
    }
  }
}
