import { describe, expect, it } from "vitest";
import { Phase } from "../src/file-log/actors.js";
import { Block } from "../src/file-log/block.js";
import { FrameKind } from "../src/file-log/frame.js";
import { normalise } from "../src/file-log/normalise.js";
import { MAX_FRAMES } from "../src/file-log/segment.js";
import { MAX_SEGMENTS, MAX_SEQ, State } from "../src/file-log/state.js";

/** Every field of the window that can be set. */
function fieldsOf(window: object): string[] {
  const descriptors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(window) as object);
  return Object.keys(descriptors).filter((name) => descriptors[name]?.set !== undefined);
}

describe("State", () => {
  it("gives every field a byte of its own", () => {
    const state = new State();
    const bytes = new Uint8Array(state.words.buffer);
    const windows: object[] = [state.writer, state.promises, state.budget, state.reader, state.zombie];
    for (const segment of state.segments) windows.push(segment, ...segment.frames);

    const taken: number[] = [];
    for (const window of windows) {
      for (const field of fieldsOf(window)) {
        const isBoolean = typeof Reflect.get(window, field) === "boolean";
        Reflect.set(window, field, isBoolean ? true : 7);
        expect(Reflect.get(window, field)).toBe(isBoolean ? true : 7);
        taken.push(...[...bytes.keys()].filter((index) => bytes[index] !== 0));
        bytes.fill(0);
      }
    }
    for (let seq = 0; seq <= MAX_SEQ; seq++) {
      state.promises.durable[seq] = 7;
      state.promises.relaxed[seq] = 7;
    }
    taken.push(...[...bytes.keys()].filter((index) => bytes[index] !== 0));

    expect(new Set(taken).size).toBe(taken.length);
    expect(taken).toHaveLength(MAX_SEGMENTS * (11 + MAX_FRAMES * 6) + 18 + 16 + 6 + 2 + 4);
  });

  it("finds each block at its place", () => {
    const state = new State();
    for (const segment of state.segments) {
      for (const place of segment.places) state.setBlock(place, Block.damaged);
      expect([segment.header, segment.begin]).toEqual([Block.damaged, Block.damaged]);
      for (const frame of segment.frames) expect([frame.header, frame.body]).toEqual([Block.damaged, Block.damaged]);
      segment.erase();
    }
    expect(state.words.every((word) => word === 0)).toBe(true);
  });

  it("forgets what nobody can know any more", () => {
    const state = new State();
    const segment = state.segment(2);
    segment.inView = true;
    segment.header = Block.durable;
    const expected = state.words.slice();
    segment.floorSeq = 3;
    segment.frame(1).kind = FrameKind.commit;
    segment.frame(1).seq = 4;
    state.writer.nextSeq = 5;
    normalise(state);
    expect(state.words).toEqual(expected);
  });

  it("keeps what a frame in flight will become", () => {
    const state = new State();
    const frame = state.segment(1).frame(0);
    state.segment(1).inView = true;
    state.writer.phase = Phase.frameInFlight;
    state.writer.current = 1;
    frame.kind = FrameKind.marker;
    const expected = state.words.slice();
    normalise(state);
    expect(state.words).toEqual(expected);
  });
});
