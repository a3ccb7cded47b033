import { describe, expect, it } from "vitest";
import { isGenerationName } from "../src/generation-name.js";
import { layoutOf, replicaLayout } from "../src/layouts.js";
import { formatIndex, formatOffset, parseIndex, parseOffset } from "../src/numbers.js";
import { comparePos, formatPos, isZeroPos, parsePos, truncatePos } from "../src/pos.js";
import { vectors } from "./support/vectors.js";

interface RecordedPos {
  readonly generation: string;
  readonly index: number;
  readonly offset: number;
}

interface FormatVectors {
  readonly clientPaths: readonly {
    readonly base: string;
    readonly generation: string;
    readonly index: number;
    readonly offset: number;
    readonly snapshotPath: { readonly error: string | null; readonly value: string };
    readonly walSegmentPath: { readonly error: string | null; readonly value: string };
  }[];
  readonly comparePos: readonly { readonly a: RecordedPos; readonly b: RecordedPos; readonly error: string | null; readonly result: number }[];
  readonly formatIndexOffset: readonly { readonly index: string; readonly offset: string; readonly value: string }[];
  readonly isGenerationName: readonly { readonly in: string; readonly ok: boolean }[];
  readonly parseIndex: readonly { readonly error: string | null; readonly in: string; readonly value: string }[];
  readonly parseOffset: readonly { readonly error: string | null; readonly in: string; readonly value: string }[];
  readonly parsePos: readonly { readonly error: string | null; readonly in: string; readonly generation: string; readonly index: string; readonly offset: string; readonly string: string }[];
  readonly parseSnapshotPath: readonly { readonly error: string | null; readonly in: string; readonly value: string }[];
  readonly parseWALSegmentPath: readonly { readonly error: string | null; readonly in: string; readonly index: string; readonly offset: string }[];
  readonly pos: readonly { readonly isZero: boolean; readonly pos: RecordedPos; readonly string: string; readonly truncated: string }[];
}

interface V03Vectors {
  readonly format: readonly { readonly index: number; readonly offset: string; readonly snapshot: string; readonly wal: string }[];
  readonly isGeneration: readonly { readonly in: string; readonly ok: boolean }[];
  readonly parseSnapshot: readonly { readonly error: string | null; readonly in: string; readonly index?: number }[];
  readonly parseWAL: readonly { readonly error: string | null; readonly in: string; readonly index?: number; readonly offset?: string }[];
}

const recorded = vectors("format") as FormatVectors;
const v03 = vectors("v3-format") as V03Vectors;

describe("litestream's texts", () => {
  it("writes indexes and offsets", () => {
    expect(recorded.formatIndexOffset.length).toBeGreaterThan(20);
    for (const { index, offset, value } of recorded.formatIndexOffset) {
      expect([formatIndex(BigInt(value)), formatOffset(BigInt(value))]).toEqual([index, offset]);
    }
  });

  it.each(recorded.parseIndex)("reads the index $in", (each) => {
    expectSame(() => parseIndex(each.in), each.error, BigInt(each.value));
  });

  it.each(recorded.parseOffset)("reads the offset $in", (each) => {
    expectSame(() => parseOffset(each.in), each.error, BigInt(each.value));
  });

  it.each(recorded.parsePos)("reads the position $in", (each) => {
    if (each.error !== null) {
      expectSame(() => parsePos(each.in), each.error, undefined);
      return;
    }
    const pos = parsePos(each.in);
    expect(pos).toEqual({ generation: each.generation, index: BigInt(each.index), offset: BigInt(each.offset) });
    expect(formatPos(pos)).toBe(each.string);
  });

  it.each(recorded.pos)("writes the position $string", (each) => {
    const pos = exact(each.pos);
    expect([formatPos(pos), formatPos(truncatePos(pos)), isZeroPos(pos)]).toEqual([each.string, each.truncated, each.isZero]);
  });

  it.each(recorded.comparePos)("compares positions: $a $b", (each) => {
    expectSame(() => comparePos(exact(each.a), exact(each.b)), each.error, each.result);
  });

  it.each([...recorded.isGenerationName, ...v03.isGeneration])("knows the name of a generation: $in", (each) => {
    expect(isGenerationName(each.in)).toBe(each.ok);
  });
});

describe("litestream's names", () => {
  const v04 = replicaLayout("litestream-v0.4");
  const v03Layout = replicaLayout("litestream-v0.3");

  it.each(recorded.parseSnapshotPath)("reads the snapshot $in", (each) => {
    expect(v04.parseSnapshotName(`snapshots/${each.in}`)).toBe(each.error === null ? BigInt(each.value) : undefined);
  });

  it.each(recorded.parseWALSegmentPath)("reads the segment $in", (each) => {
    const expected = each.error === null ? { index: BigInt(each.index), offset: BigInt(each.offset) } : undefined;
    expect(v04.parseWalSegmentName(`wal/${each.in}`)).toEqual(expected);
  });

  it("writes names", () => {
    const paths = recorded.clientPaths.filter(({ snapshotPath }) => snapshotPath.error === null);
    expect(paths.length).toBeGreaterThan(2);
    for (const { generation, index, offset, snapshotPath, walSegmentPath } of paths) {
      const directory = `/generations/${generation}/`;
      expect(snapshotPath.value.split(directory)[1]).toBe(v04.formatSnapshotName(BigInt(index)));
      expect(walSegmentPath.value.split(directory)[1]).toBe(v04.formatWalSegmentName(BigInt(index), BigInt(offset)));
    }
  });

  it.each(v03.format)("writes $snapshot and $wal as 0.3 does", (each) => {
    expect(v03Layout.formatSnapshotName(BigInt(each.index))).toBe(`snapshots/${each.snapshot}`);
    expect(v03Layout.formatWalSegmentName(BigInt(each.index), BigInt(each.offset))).toBe(`wal/${each.wal}`);
    expect(layoutOf(`wal/${each.wal}`)).toBe("litestream-v0.3");
  });

  it.each(v03.parseSnapshot)("reads the snapshot $in of 0.3", (each) => {
    expect(v03Layout.parseSnapshotName(`snapshots/${each.in}`)).toBe(each.error === null ? BigInt(each.index!) : undefined);
  });

  it.each(v03.parseWAL)("reads the segment $in of 0.3", (each) => {
    const expected = each.error === null ? { index: BigInt(each.index!), offset: BigInt(each.offset!) } : undefined;
    expect(v03Layout.parseWalSegmentName(`wal/${each.in}`)).toEqual(expected);
  });
});

it("renames what litestream's 0.4 line wrote to what 0.3.9 has restored", () => {
  const { cases } = vectors("interop-v03") as { readonly cases: readonly { readonly renames: readonly { readonly from: string; readonly to: string }[] }[] };
  const [from, to] = [replicaLayout("litestream-v0.4"), replicaLayout("litestream-v0.3")];
  const renames = cases.flatMap((it) => it.renames);
  expect(renames.length).toBeGreaterThan(20);
  for (const rename of renames) {
    const [, generation = "", name = ""] = /^generations\/([0-9a-f]{16})\/(.*)$/.exec(rename.from) ?? [];
    const index = from.parseSnapshotName(name);
    const segment = from.parseWalSegmentName(name);
    const renamed = index === undefined ? to.formatWalSegmentName(segment!.index, segment!.offset) : to.formatSnapshotName(index);
    expect(`generations/${generation}/${renamed}`).toBe(rename.to);
  }
});

function expectSame(run: () => unknown, error: string | null, value: unknown): void {
  if (error === null) expect(run()).toBe(value);
  else expect(run).toThrow(error);
}

function exact({ generation, index, offset }: RecordedPos): { readonly generation: string; readonly index: bigint; readonly offset: bigint } {
  return { generation, index: BigInt(index), offset: BigInt(offset) };
}
