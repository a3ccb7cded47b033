import { expect, it } from "vitest";
import type { WalSegmentInfo } from "../src/infos.js";
import { WalSegmentIterator } from "../src/wal-segment-iterator.js";
import { vectors } from "./support/vectors.js";

interface RecordedSegment {
  readonly generation: string;
  readonly index: number;
  readonly offset: number;
  readonly size: number;
}

interface Operation {
  readonly op: "append" | "next" | "notify" | "err" | "close" | "writeFile" | "removeIndex" | "setErr" | "segment";
  readonly generation?: string;
  readonly index?: number;
  readonly offset?: number;
  readonly size?: number;
  readonly error?: string | null;
  readonly message?: string;
  readonly result?: boolean;
  readonly segment?: RecordedSegment;
  readonly pendingIndexes: readonly number[] | null;
}

interface Script {
  readonly name: string;
  readonly generation: string;
  readonly files: readonly { readonly index: number; readonly offsets: readonly number[] }[] | null;
  readonly indexes: readonly number[];
  readonly ops: readonly Operation[];
}

const { scripts } = vectors("iterator") as { readonly scripts: readonly Script[] };

it("has all recorded scripts", () => {
  expect(scripts.length).toBe(141);
});

it.each(scripts)("goes over segments as litestream does: $name", async ({ generation, files, indexes, ops }) => {
  const info = (index: number, offset: number, size: number, its = generation): WalSegmentInfo => ({ generation: its, index: BigInt(index), offset: BigInt(offset), size, createdAtMs: 0 });
  const disk = new Map((files ?? []).map(({ index, offsets }) => [index, offsets.map((offset) => info(index, offset, 10 + offset))]));
  const iterator = new WalSegmentIterator({
    generation,
    indexes: indexes.map(BigInt),
    readIndex: async (index) => {
      const found = disk.get(Number(index));
      if (found === undefined) throw new Error(`open $ROOT/${index.toString(16).padStart(16, "0")}: no such file or directory`);
      return found;
    },
  });
  let failure: string | null = null;

  for (const op of ops) {
    switch (op.op) {
      case "append":
        expect(failing(() => { iterator.append(info(op.index!, op.offset!, op.size!, op.generation)); })).toBe(op.error);
        break;
      case "next": {
        const found = await iterator.next().catch((error: unknown) => {
          failure ??= (error as Error).message;
          return undefined;
        });
        expect([found !== undefined, recorded(found)]).toEqual([op.result, op.segment]);
        break;
      }
      case "segment":
        expect(recorded(iterator.current)).toEqual(op.segment);
        break;
      case "notify":
        expect(iterator.takeNotification()).toBe(op.result);
        break;
      case "err":
      case "close":
        expect(failure).toBe(op.error);
        break;
      case "setErr":
        failure ??= op.message!;
        iterator.fail(new Error(op.message));
        break;
      case "writeFile":
        disk.set(op.index!, [...(disk.get(op.index!) ?? []).filter(({ offset }) => offset !== BigInt(op.offset!)), info(op.index!, op.offset!, op.size!)]);
        break;
      case "removeIndex":
        disk.delete(op.index!);
        break;
    }
    expect(iterator.pendingIndexes.map(Number)).toEqual(op.pendingIndexes ?? []);
  }
});

it("wakes who waits, once for all that was announced", async () => {
  const iterator = new WalSegmentIterator({ generation: "g", indexes: [], readIndex: async () => [] });
  const segment = (offset: bigint): WalSegmentInfo => ({ generation: "g", index: 0n, offset, size: 1, createdAtMs: 0 });
  const woken = iterator.notified();
  iterator.append(segment(0n));
  iterator.append(segment(1n));
  await woken;
  expect(iterator.takeNotification()).toBe(false);
  const stop = new AbortController();
  const waiting = iterator.notified(stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});

function failing(run: () => void): string | null {
  try {
    run();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function recorded(segment: WalSegmentInfo | undefined): RecordedSegment {
  if (segment === undefined) return { generation: "", index: 0, offset: 0, size: 0 };
  const { generation, index, offset, size } = segment;
  return { generation, index: Number(index), offset: Number(offset), size };
}
