import { isHoldfastError } from "@holdfast/storage";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { EventRecord, WorkerRecord } from "../src/format/model.js";
import { ProjectionState } from "../src/state/projection-state.js";
import { RuntimeState } from "../src/state/runtime-state.js";
import { decodeMutation, encodeMutation, type Change } from "../src/stored/change.js";
import { MalformedError, readEvent, writeEvent } from "../src/stored/fields.js";
import { isSoundBlock, PageIndex, PageWriter, type PageIdentity } from "../src/stored/page.js";
import { decodeSnapshot, encodeSnapshot } from "../src/stored/snapshot.js";
import { ByteReader } from "@holdfast/bytes";

/* Bytes that were written once, so that what is written today can be read tomorrow. */

const RUNTIME = "agents";
const LOG_ID = "00112233445566778899aabbccddeeff";
const PAGE: PageIdentity = { kind: "events", number: 7, logId: LOG_ID };
const NAME = { seq: 2 ** 53 - 1, number: 3 };
const ref = { runtimeId: RUNTIME, workerId: "worker-00000001" };

const worker: WorkerRecord = {
  workerRef: ref,
  status: "cancelled",
  request: {
    intent: { kind: "role", role: "reviewer", purpose: "é😀" },
    profile: { kind: "named", value: "mine" },
    configBundle: { id: "bundle" },
    requestedCapabilities: [{ name: "read" }, { name: "write", reason: "must" }],
    workspaceRefs: [{ name: "ws", reference: "ref/1" }],
    mountRefs: [{ name: "m", reference: "/mnt" }],
  },
  nextTranscriptSequence: 2n ** 64n - 1n,
  lastEventId: 9n,
};
const runtime = {
  runtimeId: RUNTIME,
  displayName: "Agents",
  status: "stopped",
  limits: { maxTranscriptProjectionItems: 256n, maxEventBatchItems: 2n ** 64n - 1n },
  nextWorkerSequence: 2n,
  nextEventId: 10n,
  nextDiagnosticId: 3n,
  diagnostics: [{ id: 2n, severity: "error", code: "c", message: "", workerRef: { runtimeId: "other", workerId: "w" } }],
} as const;
const event: EventRecord = { id: 2n ** 64n - 2n, workerRef: ref, kind: "tool_called", message: "m", payloadJson: '{"tool":"ls"}' };

const changes: readonly Change[] = [
  { type: "started", runtime, isProjected: true },
  { type: "worker", worker },
  { type: "worker", worker: { ...worker, request: { ...worker.request, intent: { kind: "task", objective: "o" }, profile: { kind: "runtime_default" } } } },
  { type: "event", event },
  { type: "event", event: { id: 1n, kind: "runtime_started", message: "runtime started" } },
  { type: "entry", entry: { sequence: 1n, workerRef: ref, role: "user", content: "\0", eventId: 2n } },
  { type: "status", workerId: ref.workerId, status: "stopped" },
  { type: "diagnostic", diagnostic: { id: 1n, severity: "warning", code: "x", message: "y" } },
  { type: "stopped" },
  { type: "trimmed", before: 5n },
  { type: "deleted", workerId: "w" },
  { type: "sealed", seq: 4 },
  { type: "imported", seq: 5 },
  { type: "projecting" },
  { type: "rewriting", mark: { bytes: 3, crc32c: 4 } },
  { type: "projected", files: [{ path: "events.jsonl", mark: { bytes: 5, crc32c: 2 ** 32 - 1 } }, { path: "gone", mark: undefined }] },
];

function page(): { readonly bytes: Uint8Array; readonly indexOffset: number } {
  const writer = new PageWriter(PAGE);
  for (let id = 1n; id <= 300n; id += 1n) {
    writer.add(id, (to) => {
      writeEvent(to, { ...event, id }, RUNTIME);
    });
  }
  return writer.finish();
}

function state(): RuntimeState {
  const made = new RuntimeState(runtime, 10);
  made.eventFloor = 2n;
  made.nextPages = { events: 9, transcripts: 3 };
  made.eventPages = [{ number: 7, bytes: 100, indexOffset: 64, count: 300, firstId: 1n, lastId: 300n }];
  made.transcriptPages = new Map([[2, { number: 2, bytes: 200, indexOffset: 164, count: 4 }]]);
  made.addWorker({ record: worker, ranges: [{ page: 2, firstPosition: 0, count: 4, firstBlock: 1, blockCount: 2 }], tail: [], pagedLength: 4 });
  made.damaged.set("w", { code: "RUNTIME_WRONG_RUNTIME", message: "why" });
  made.projection = new ProjectionState();
  made.projection.isTrimmed = true;
  made.projection.setFiles([{ path: "runtime.json", mark: { bytes: 1, crc32c: 2 } }]);
  made.seq = NAME.seq;
  return made;
}

const encoded = [
  ["record.bin", () => encodeMutation(changes, RUNTIME)],
  ["events.page", () => page().bytes],
  ["snapshot.state", () => encodeSnapshot(NAME, LOG_ID, state())],
] as const;

it.each(encoded)("the bytes of %s are those that were recorded", (name, encode) => {
  expect(Buffer.from(encode()).equals(readFileSync(new URL(`vectors/native/${name}`, import.meta.url)))).toBe(true);
});

it("are read back as what they are", () => {
  expect(decodeMutation(encodeMutation(changes, RUNTIME), RUNTIME)).toEqual(changes);
  const decoded = decodeSnapshot(NAME, encodeSnapshot(NAME, LOG_ID, state()), 10);
  expect(decoded).toEqual({ logId: LOG_ID, state: state() });
  const { bytes, indexOffset } = page();
  const index = new PageIndex(PAGE, indexOffset, bytes.subarray(indexOffset));
  const blocks = Array.from({ length: index.blocks }, (_, at) => index.block(at));
  expect(blocks.map(({ items }) => items).reduce((sum, items) => sum + items, 0)).toBe(300);
  const second = blocks[index.find(250n, 0, index.blocks - 1)];
  expect(second && second.firstKey <= 250n && second.lastKey >= 250n).toBe(true);
  for (const block of blocks) {
    const its = bytes.subarray(block.offset, block.offset + block.bytes);
    expect(isSoundBlock(PAGE, block, its)).toBe(true);
    expect(isSoundBlock({ ...PAGE, number: 8 }, block, its)).toBe(false);
    expect(readEvent(new ByteReader(its), RUNTIME).id).toBe(block.firstKey);
  }
});

describe("bytes that are none", () => {
  const harmed = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
    fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.option(fc.nat(bytes.length))).map(([at, change, length]) => {
      const copy = bytes.slice(0, length ?? bytes.length);
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ change;
      return copy;
    });

  it("of a record are told as such, or are another one", () => {
    const bytes = encodeMutation(changes, RUNTIME);
    fc.assert(
      fc.property(harmed(bytes), (copy) => {
        try {
          decodeMutation(copy, RUNTIME);
        } catch (error) {
          expect(isHoldfastError(error) || error instanceof MalformedError).toBe(true);
        }
      }),
    );
  });

  it("of a snapshot are always noticed", () => {
    const bytes = encodeSnapshot(NAME, LOG_ID, state());
    fc.assert(
      fc.property(harmed(bytes), (copy) => {
        const decoded = decodeSnapshot(NAME, copy, 10);
        expect("problem" in decoded || Buffer.from(copy).equals(bytes)).toBe(true);
      }),
    );
    expect(decodeSnapshot({ ...NAME, number: 4 }, bytes, 10)).toMatchObject({ problem: "damaged" });
  });

  it("of a page's index are always noticed", () => {
    const { bytes, indexOffset } = page();
    const index = bytes.subarray(indexOffset);
    fc.assert(
      fc.property(harmed(index), (copy) => {
        if (Buffer.from(copy).equals(index)) return;
        expect(() => new PageIndex(PAGE, indexOffset, copy)).toThrow();
      }),
    );
    expect(() => new PageIndex(PAGE, indexOffset + 1, index)).toThrow(MalformedError);
  });
});
