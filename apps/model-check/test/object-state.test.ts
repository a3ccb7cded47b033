import { describe, expect, it } from "vitest";
import { ReaderPhase, Role, WriterPhase } from "../src/object-log/actors.js";
import { configurationOf } from "../src/object-log/configurations.js";
import { claimOf, commitOf, describe as say, isClaim, isCommit, nextSeqOf, recordOf, seqOf, writerOf } from "../src/object-log/content.js";
import { normalise } from "../src/object-log/normalise.js";
import { MAX_POSITION, RequestKind, State, STATE_WORDS } from "../src/object-log/state.js";

/** Every field of the window that can be set. */
function fieldsOf(window: object): string[] {
  const descriptors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(window) as object);
  return Object.keys(descriptors).filter((name) => descriptors[name]?.set !== undefined);
}

describe("State", () => {
  it("gives every field a byte of its own", () => {
    const state = new State();
    const bytes = new Uint8Array(state.words.buffer);
    const windows: object[] = [state, ...state.packs, ...state.requests, ...state.writers, ...state.mergers, state.trimmer, ...state.readers];

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
    state.history.fill(7);
    state.objects.fill(7);
    taken.push(...[...bytes.keys()].filter((index) => bytes[index] !== 0));

    expect(new Set(taken).size).toBe(taken.length);
    expect(taken).toHaveLength(4 + 2 * (MAX_POSITION + 1) + 3 * 3 + 4 * 4 + 3 * 7 + 2 * 6 + 3 + 2 * 6);
    expect(taken.length).toBeLessThanOrEqual(STATE_WORDS * 4);
  });

  it("tells what an object holds", () => {
    for (let writer = 0; writer < 3; writer++) {
      for (let seq = 1; seq <= 7; seq++) {
        const claim = claimOf(writer, seq);
        expect([isClaim(claim), isCommit(claim), writerOf(claim), seqOf(claim), nextSeqOf(claim)]).toEqual([true, false, writer, seq, seq]);
        for (let record = 0; record < 4; record++) {
          const commit = commitOf(writer, record, seq);
          expect([isClaim(commit), isCommit(commit), writerOf(commit), recordOf(commit)]).toEqual([false, true, writer, record]);
          expect([seqOf(commit), nextSeqOf(commit)]).toEqual([seq, seq + 1]);
        }
      }
    }
    expect([say(0), say(commitOf(1, 0, 2)), say(claimOf(2, 3))]).toEqual(["404", "record 0 of B with number 2", "claim of C, next number 3"]);
  });
});

describe("normalise", () => {
  const configuration = configurationOf({ writers: [1, 1], attempts: 1 });

  it("forgets what a process knew that does nothing more", () => {
    const state = new State();
    const expected = new State();
    const [ended, fenced, absent] = [state.writer(0), state.writer(1), state.writer(2)];
    ended.phase = WriterPhase.open;
    ended.record = 1;
    ended.nextSeq = 3;
    ended.notApplied = 1;
    fenced.phase = WriterPhase.stopped;
    fenced.position = 4;
    fenced.isAmbiguous = true;
    absent.phase = WriterPhase.finding;
    state.reader(Role.follower).phase = ReaderPhase.trimmed;
    state.reader(Role.follower).position = 2;
    normalise(state, configuration);

    for (const writer of expected.writers) writer.phase = WriterPhase.stopped;
    expected.writer(0).notApplied = 1;
    expected.reader(Role.follower).phase = ReaderPhase.trimmed;
    expect(state.words).toEqual(expected.words);
  });

  it("keeps what a process needs", () => {
    const state = new State();
    const [resolving, claiming] = [state.writer(0), state.writer(1)];
    resolving.phase = WriterPhase.resolvingCommit;
    resolving.position = resolving.nextSeq = 2;
    resolving.isAmbiguous = true;
    claiming.phase = WriterPhase.claiming;
    claiming.position = 3;
    claiming.attempts = 1;
    state.writer(2).phase = WriterPhase.stopped;
    const expected = state.words.slice();
    normalise(state, configuration);
    expect(state.words).toEqual(expected);
  });

  it("notes packs and requests in one order", () => {
    const fill = (order: readonly number[]): State => {
      const state = new State();
      for (const [slot, number] of order.entries()) {
        const request = state.request(slot);
        request.kind = RequestKind.deleteObject;
        request.position = number;
        const pack = state.packs[slot];
        if (pack === undefined) continue;
        pack.first = number;
        pack.last = number + 1;
        pack.ghosts = number;
      }
      normalise(state, configuration);
      return state;
    };
    expect(fill([1, 2, 3]).words).toEqual(fill([3, 1, 2]).words);
    expect(fill([1, 2, 3]).packs.map(({ first, last, ghosts }) => [first, last, ghosts])).toEqual([[3, 4, 3], [2, 3, 2], [1, 2, 1]]);
    expect(fill([1, 2, 3]).requests.map(({ position }) => position)).toEqual([3, 2, 1, 0]);
  });

  it("drops a late PUT in the place of a claim, which stays, but not without the rules by which it does", () => {
    const requestsLeft = (broken?: "trim deletes claims"): number => {
      const state = new State();
      state.objects[2] = claimOf(1, 1);
      const request = state.request(0);
      request.kind = RequestKind.createObject;
      request.position = 2;
      request.detail = commitOf(0, 0, 1);
      normalise(state, configurationOf({}, broken));
      return state.requests.filter(({ kind }) => kind !== RequestKind.none).length;
    };
    expect([requestsLeft(), requestsLeft("trim deletes claims")]).toEqual([0, 1]);
  });
});
