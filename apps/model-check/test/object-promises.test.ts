import { describe, expect, it } from "vitest";
import { ReaderPhase, Role, WriterPhase } from "../src/object-log/actors.js";
import { configurationOf } from "../src/object-log/configurations.js";
import type { Bounds } from "../src/object-log/configurations.js";
import { claimOf, commitOf, isCommit } from "../src/object-log/content.js";
import { objectLogModel } from "../src/object-log/model.js";
import { brokenPromise } from "../src/object-log/promises.js";
import { RequestKind, State } from "../src/object-log/state.js";
import { createFloor, createPack } from "../src/object-log/store.js";

const [A, B] = [0, 1];

/** A log with these objects from position 1 on, and nobody there. */
function logOf(...contents: readonly number[]): State {
  const state = new State();
  for (const [index, content] of contents.entries()) state.history[index + 1] = state.objects[index + 1] = content;
  state.lastPosition = contents.length;
  for (const writer of state.writers) writer.phase = WriterPhase.stopped;
  return state;
}

/** A's claim, two records of A, B's claim and a record of B. */
function takenOver(): State {
  return logOf(claimOf(A, 1), commitOf(A, 0, 1), commitOf(A, 1, 2), claimOf(B, 3), commitOf(B, 0, 3));
}

function brokenAfter(change: (state: State) => void): string | undefined {
  const state = takenOver();
  change(state);
  return brokenPromise(state, new State());
}

function deleteCommits(state: State, first: number, last: number): void {
  for (let position = first; position <= last; position++) if (isCommit(state.objectAt(position))) state.objects[position] = 0;
}

describe("clients that nobody disturbs", () => {
  it.each<[string, (state: State) => void]>([
    ["a log of objects", () => undefined],
    ["a pack beside its commits", (state) => { createPack(state, 1, 3, 0); }],
    ["a pack", (state) => { createPack(state, 1, 3, 0); deleteCommits(state, 1, 3); }],
    ["packs that overlap", (state) => { createPack(state, 1, 2, 0); createPack(state, 2, 4, 0); deleteCommits(state, 1, 4); }],
    ["a floor", (state) => { createFloor(state, 3); deleteCommits(state, 1, 3); }],
    ["a floor inside a pack, and a lower floor", (state) => { createFloor(state, 2); createFloor(state, 1); createPack(state, 2, 3, 0); deleteCommits(state, 1, 3); }],
    ["a ghost of a claim under a pack", (state) => { createPack(state, 2, 3, 0); state.objects[2] = claimOf(B, 1); }],
    ["a ghost of a commit under a floor", (state) => { createFloor(state, 3); deleteCommits(state, 1, 2); }],
  ])("read and open %s", (_, change) => {
    expect(brokenAfter(change)).toBeUndefined();
  });

  it.each<[string, (state: State) => void]>([
    ["log unreadable: a position above the floor is in no object", (state) => { deleteCommits(state, 2, 2); }],
    ["log unreadable: a position above the floor is in no object", (state) => { createFloor(state, 2); deleteCommits(state, 3, 3); }],
    ["log unreadable: a pack lacks a record", (state) => { createPack(state, 1, 3, 0b010); }],
    ["log unreadable: records missing before this object", (state) => { createPack(state, 1, 3, 0b100); }],
    ["log unreadable: records missing at the end", (state) => { createPack(state, 2, 5, 0b1_0000); }],
    ["log unreadable: an object that is not the log's is read as part of it", (state) => { state.objects[3] = commitOf(B, 1, 2); }],
    ["log unreadable: records missing before this object", (state) => { state.objects[2] = claimOf(B, 1); }],
    ["the newest object is gone: the next opener claims a used position", (state) => { createFloor(state, 5); state.objects[5] = 0; }],
    ["the newest object is gone: the next opener claims a used position", (state) => { createPack(state, 3, 5, 0); state.objects[5] = 0; }],
    ["the next opener would start with a wrong sequence number", (state) => { state.lastPosition = 6; state.history[6] = state.objects[6] = claimOf(A, 3); }],
    ["after a cleanup: the newest object is gone: the next opener claims a used position", (state) => { createPack(state, 3, 5, 0); }],
    ["after a cleanup: the newest object is gone: the next opener claims a used position", (state) => { createFloor(state, 5); }],
  ])("find: %s", (message, change) => {
    expect(brokenAfter(change)).toBe(message);
  });
});

/** What the steps out of `state` break. */
function violationsFrom(state: State, bounds: Partial<Bounds> = {}): string[] {
  const messages: string[] = [];
  objectLogModel(configurationOf({ writers: [4, 4], ...bounds })).expand(state.words, {
    visit: () => false,
    violation: (message) => { messages.push(message); },
  });
  return messages;
}

/** A writer that is about to create the object behind `position`. */
function setWriter(state: State, id: number, phase: number, position: number, record: number, nextSeq: number): void {
  const writer = state.writer(id);
  writer.phase = phase;
  writer.position = position;
  writer.record = record;
  writer.nextSeq = nextSeq;
}

describe("a step breaks a promise", () => {
  it("if a commit of a fenced writer becomes part of the log", () => {
    const state = takenOver();
    setWriter(state, A, WriterPhase.open, 5, 2, 4);
    expect(violationsFrom(state)).toEqual(["a record of a fenced writer entered the log after its successor's claim"]);
  });

  it.each([
    ["a record that was reported as not applied entered the log", 1, 4, 0b10],
    ["sequence number reused or skipped", 1, 3, 0],
    ["sequence number reused or skipped", 1, 5, 0],
  ])("%s: record %i with number %i", (message, record, nextSeq, notApplied) => {
    const state = takenOver();
    setWriter(state, B, WriterPhase.open, 5, record, nextSeq);
    state.writer(B).notApplied = notApplied;
    expect(violationsFrom(state)).toEqual([message]);
  });

  it("only then", () => {
    const state = takenOver();
    setWriter(state, B, WriterPhase.open, 5, 1, 4);
    expect(violationsFrom(state)).toEqual([]);
  });

  it("if a claim with a wrong sequence number becomes part of the log", () => {
    const state = takenOver();
    setWriter(state, A, WriterPhase.claiming, 5, 0, 3);
    expect(violationsFrom(state)).toEqual(["a claim with a wrong sequence number entered the log"]);
  });

  it("if a commit leaves a hole", () => {
    const state = takenOver();
    setWriter(state, B, WriterPhase.open, 6, 1, 4);
    expect(violationsFrom(state)).toEqual(["hole: a position was written before the one below it"]);
  });

  it("if a late PUT does the same", () => {
    const state = takenOver();
    Object.assign(state.request(0), { kind: RequestKind.createObject, position: 7, detail: commitOf(B, 1, 4) });
    expect(violationsFrom(state)).toEqual(["hole: a position was written before the one below it"]);
  });

  it("if an open accepts another's claim as its own", () => {
    const state = takenOver();
    state.lastPosition = 4;
    state.history[5] = state.objects[5] = 0;
    setWriter(state, A, WriterPhase.checkingClaim, 3, 0, 3);
    expect(violationsFrom(state)).toEqual(["open accepted a claim that is not in the log"]);
  });

  it("if a record is acknowledged that is somewhere else", () => {
    const state = takenOver();
    state.objects[2] = commitOf(B, 1, 1);
    setWriter(state, B, WriterPhase.resolvingCommit, 1, 1, 1);
    expect(violationsFrom(state)).toEqual(["acknowledged a record that is not in the log at its position"]);
  });

  it("if a record is reported as not applied that is in a pack", () => {
    const state = takenOver();
    createPack(state, 2, 3, 0);
    deleteCommits(state, 2, 3);
    state.objects[3] = claimOf(B, 3);
    setWriter(state, A, WriterPhase.open, 2, 1, 2);
    expect(violationsFrom(state)).toEqual(["reported as not applied, but it is in the log"]);
    state.writer(A).isAmbiguous = true;
    expect(violationsFrom(state)).toEqual([]);
  });
});

describe("a reader breaks a promise", () => {
  function setReader(state: State, role: number, phase: number, position: number, nextSeq: number): void {
    Object.assign(state.reader(role), { phase, position, nextSeq, goodPosition: 1 });
  }

  it("if it delivers what is not the log's", () => {
    const state = takenOver();
    state.objects[3] = commitOf(B, 1, 2);
    setReader(state, Role.follower, ReaderPhase.readingObject, 3, 2);
    expect(violationsFrom(state)).toEqual(["reader delivered a gap, a repeat or a wrong record"]);
  });

  it("if it ends too early", () => {
    const state = takenOver();
    setReader(state, Role.follower, ReaderPhase.listingObjects, 6, 3);
    expect(violationsFrom(state)).toEqual(["follower concluded that it is at the end, but records exist"]);
    setReader(state, Role.follower, ReaderPhase.listingObjects, 6, 4);
    expect(violationsFrom(state)).toEqual([]);
  });

  it("if it recovers more or less than there was before the claim", () => {
    const recovering = (phase: number, position: number, nextSeq: number): string[] => {
      const state = takenOver();
      setWriter(state, B, WriterPhase.recovering, 4, 0, 3);
      setReader(state, Role.recovery, phase, position, nextSeq);
      return violationsFrom(state, { recovers: B });
    };
    expect(recovering(ReaderPhase.readingObject, 5, 3)).toEqual(["recovery read more records than there were before its claim"]);
    expect(recovering(ReaderPhase.listingObjects, 6, 2)).toEqual(["recovery found no object at or above its position"]);
    expect(recovering(ReaderPhase.readingObject, 3, 2)).toEqual([]);
  });
});
