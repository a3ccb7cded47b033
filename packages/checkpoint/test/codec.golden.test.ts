import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeCheckpointState, encodeCheckpointState, type CheckpointState } from "../src/index.js";
import { asDescribed, described, vectorBytes, vectors, type OriginalResult, type Vector } from "./support/vectors.js";

/* What the original returned for the recorded bytes, and what a correct reader returns. */

/** Cases where a strict reader refuses what the original takes. */
const REFUSED_STRICTLY: ReadonlyMap<string, RegExp> = new Map([
  ["missing-source-section", /^cannot read u32 at offset 46$/],
  ["partial-n-sources-1", /^cannot read u32 at offset \d+$/],
  ["partial-n-sources-3", /^cannot read u32 at offset \d+$/],
  ["trailing-bytes", /^\d+ bytes stand behind its end$/],
  ["raw-duplicate-operator", /^a name that was there before$/],
  ["raw-duplicate-source", /^a name that was there before$/],
]);

const states = vectors.filter((it) => it.original !== undefined);

describe("recorded bytes", () => {
  it("are all there", () => {
    expect([vectors.length, states.length]).toEqual([40, 29]);
    expect(states.filter(({ correct_reader }) => /strict: error/i.test(correct_reader)).map((it) => it.case).sort()).toEqual([...REFUSED_STRICTLY.keys()].sort());
  });

  it.each(states.map((it) => [it.case, it] as const))("%s: leniently as the original, strictly as a correct reader", (name, vector) => {
    const bytes = vectorBytes(name);
    expectResult(vector, bytes, vector.original, true);
    const refusal = REFUSED_STRICTLY.get(name);
    if (refusal === undefined) expectResult(vector, bytes, vector.original, false);
    else expect(() => decode(vector, bytes, false)).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED", message: expect.stringMatching(refusal) as string }));
  });

  it.each(states.filter((it) => it.other_serialisations !== undefined).map((it) => [it.case, it] as const))("%s: every order of names gives the same state, and one order is written", (name, vector) => {
    const decoded = [undefined, ...(vector.other_serialisations ?? []).map(({ file }) => file)].map((file) => decode(vector, vectorBytes(name, file), false));
    const written = decoded.map((state) => Buffer.from(encodeCheckpointState(state)).toString("hex"));
    expect(new Set(written).size).toBe(1);
    expect(decoded.length).toBeGreaterThan(1);
  });

  it.each(["empty", "zero", "max-u64", "upstream-full-round-trip", "raw-sorted-order", "large-state", "truncate-every-byte", "truncate-every-byte-2"])("%s: written again to the byte", (name) => {
    const bytes = vectorBytes(name);
    const { state } = decodeCheckpointState(bytes, { streamId: "s" });
    const written = encodeCheckpointState(state);
    // The original writes names in the order of a hash map; of two the other one may have come first.
    if (name === "raw-sorted-order" || Math.max(state.operators.size, state.sources.size) < 2) expect(Buffer.compare(written, bytes)).toBe(0);
    else expect(decodeCheckpointState(written, { streamId: "s" }).state).toEqual(state);
    expect(written.length).toBe(bytes.length);
  });

  it("says what leniency took", () => {
    const lenient = (name: string): unknown => {
      const { missingSources, trailingBytes, duplicateNames } = decodeCheckpointState(vectorBytes(name), { streamId: "s", lenient: true });
      return { missingSources, trailingBytes, duplicateNames };
    };
    const nothing = { missingSources: false, trailingBytes: 0, duplicateNames: [] };
    expect(lenient("both")).toEqual(nothing);
    for (const name of ["missing-source-section", "partial-n-sources-1", "partial-n-sources-3"]) expect(lenient(name)).toEqual({ ...nothing, missingSources: true });
    expect(lenient("trailing-bytes")).toEqual({ ...nothing, trailingBytes: "EXTRA".length });
    expect([lenient("raw-duplicate-operator"), lenient("raw-duplicate-source")]).toEqual(["dup", "d"].map((it) => ({ ...nothing, duplicateNames: [it] })));
  });
});

describe.each(vectors.filter((it) => it.original_by_cut !== undefined).map((it) => [it.case, it] as const))("%s", (name, vector) => {
  const bytes = vectorBytes(name);
  it("leniently each cut gives what the original gave, and strictly an error", () => {
    let cuts = 0;
    for (const { from, to, result } of vector.original_by_cut ?? []) {
      for (let length = from; length <= to; length += 1, cuts += 1) {
        const cut = bytes.subarray(0, length);
        if (result.status === "error") expect(() => decode(vector, cut, true), String(length)).toThrow(originalError(result));
        else {
          const { operators, sources } = decode(vector, cut, true);
          expect([operators.size, sources.size]).toEqual([result.n_operators, result.n_sources]);
        }
        if (length < bytes.length) expect(() => decode(vector, cut, false), String(length)).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED" }));
        else expect(decode(vector, cut, false).id.streamId).toBe(vector.stream_id);
      }
    }
    expect(cuts).toBe(bytes.length + 1);
  });
});

it("is given to others with the bytes that were recorded", () => {
  expect(readFileSync(new URL("../../../.gitattributes", import.meta.url), "utf8")).toContain("test/vectors/** -text");
});

function decode({ stream_id }: Vector, bytes: Uint8Array, lenient: boolean): CheckpointState {
  return decodeCheckpointState(bytes, { streamId: stream_id, lenient }).state;
}

function expectResult(vector: Vector, bytes: Uint8Array, result: OriginalResult | undefined, lenient: boolean): void {
  if (result?.state !== undefined) expect(described(decode(vector, bytes, lenient), result.state)).toEqual(asDescribed(result.state));
  else expect(() => decode(vector, bytes, lenient)).toThrow(originalError(result));
}

function originalError(result: OriginalResult | undefined): unknown {
  const message = result?.message?.replace(/^Deserialization error: /, "");
  if (message === undefined || message === result?.message) throw new Error("the case has no error");
  const offset = /at offset (\d+)$/.exec(message)?.[1];
  return expect.objectContaining({ code: "CHECKPOINT_MALFORMED", message, ...(offset === undefined ? {} : { offset: Number(offset) }) });
}
