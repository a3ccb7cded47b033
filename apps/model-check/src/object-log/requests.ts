import { breaks } from "./configurations.js";
import { describe, NOTHING } from "./content.js";
import { createObject } from "./history.js";
import { RequestKind } from "./state.js";
import type { Request, RequestContent, State } from "./state.js";
import type { Steps } from "./steps.js";
import { createFloor, createPack, findPack, hasFloor, hasRoomForPack, removeFloor } from "./store.js";

/**
 * Requests that nobody waits for. Where an answer is lost the request is under way: it is applied at any later time, also after
 * a DELETE of its key, or never.
 */

/** A PUT is not answered. `then` is what its sender makes of that. */
export function loseAnswer(steps: Steps, label: () => string, request: RequestContent, then: (next: State) => void): void {
  if (steps.now.latePuts === 0) return;
  steps.take(() => `${label()}: no answer`, (next) => {
    next.latePuts--;
    send(next, request);
    then(next);
  });
}

/** A DELETE is applied at once, or at any later time. `then` is what its sender does next in both cases. */
export function takeDelete(steps: Steps, label: () => string, request: RequestContent, then: (next: State) => void): void {
  steps.take(label, (next) => {
    remove(next, request);
    then(next);
  });
  if (steps.now.lateDeletes === 0) return;
  steps.take(() => `${label()}, but late`, (next) => {
    next.lateDeletes--;
    send(next, request);
    then(next);
  });
}

/** Any request under way may be applied now. One that would change nothing now stays under way, which allows strictly more. */
export function takeLateRequests(steps: Steps): void {
  for (const request of steps.now.requests) {
    if (request.kind === RequestKind.none || !changesSomething(steps, request)) continue;
    const { index } = request;
    steps.take(() => `late: ${nameOf(request)}`, (next) => { applyLate(steps, next, next.request(index)); });
  }
}

function changesSomething(steps: Steps, { kind, position, detail }: RequestContent): boolean {
  const { now, configuration } = steps;
  switch (kind) {
    case RequestKind.createObject:
      return now.objectAt(position) === NOTHING || breaks(configuration, "put without condition");
    case RequestKind.createPack:
      return findPack(now, position, detail) === undefined && hasRoomForPack(now, position, detail);
    case RequestKind.createFloor:
      return !hasFloor(now, position);
    case RequestKind.deleteObject:
      return now.objectAt(position) !== NOTHING;
    case RequestKind.deletePack:
      return findPack(now, position, detail) !== undefined;
    default:
      return hasFloor(now, position);
  }
}

function applyLate(steps: Steps, next: State, request: Request): void {
  const { kind, position, detail, ghosts } = request;
  request.erase();
  switch (kind) {
    case RequestKind.createObject:
      createObject(steps, next, position, detail);
      return;
    case RequestKind.createPack:
      addPack(steps, next, position, detail, ghosts);
      return;
    case RequestKind.createFloor:
      createFloor(next, position);
      return;
    case RequestKind.deleteObject:
      steps.count(next.objectAt(position) === next.historyAt(position) ? "late DELETE" : "late DELETE hits a ghost claim");
  }
  remove(next, { kind, position, detail, ghosts });
}

/** A pack is created, now or late. */
export function addPack(steps: Steps, next: State, first: number, last: number, ghosts: number): void {
  if (findPack(next, first, last) === undefined) {
    for (const pack of next.packs) if (pack.overlaps(first, last)) steps.count("packs overlap");
  }
  createPack(next, first, last, ghosts);
}

function remove(next: State, { kind, position, detail }: RequestContent): void {
  switch (kind) {
    case RequestKind.deleteObject:
      next.objects[position] = NOTHING;
      return;
    case RequestKind.deletePack:
      findPack(next, position, detail)?.erase();
      return;
    case RequestKind.deleteFloor:
      removeFloor(next, position);
  }
}

/** There is always room: no configuration has more late requests than places for them. */
function send(next: State, { kind, position, detail, ghosts }: RequestContent): void {
  const free = next.requests.find((request) => request.kind === RequestKind.none);
  if (free === undefined) throw new RangeError("More requests are under way than the model has room for.");
  free.kind = kind;
  free.position = position;
  free.detail = detail;
  free.ghosts = ghosts;
}

function nameOf({ kind, position, detail }: RequestContent): string {
  switch (kind) {
    case RequestKind.createObject:
      return `PUT log/${position}, ${describe(detail)}`;
    case RequestKind.createPack:
      return `PUT pack/${detail}-${position}`;
    case RequestKind.createFloor:
      return `PUT trim/${position}`;
    case RequestKind.deleteObject:
      return `DELETE log/${position}`;
    case RequestKind.deletePack:
      return `DELETE pack/${detail}-${position}`;
    default:
      return `DELETE trim/${position}`;
  }
}
