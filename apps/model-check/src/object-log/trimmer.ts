import { TrimmerPhase } from "./actors.js";
import type { Trimmer } from "./actors.js";
import { breaks } from "./configurations.js";
import { isCommit, NOTHING } from "./content.js";
import { loseAnswer, takeDelete } from "./requests.js";
import { MAX_POSITION, RequestKind } from "./state.js";
import type { RequestContent } from "./state.js";
import type { Steps } from "./steps.js";
import { createFloor, floorOf, hasFloor, newestPosition } from "./store.js";

/** What the trimmer may do next: choose a floor, make it durable, delete objects, packs and lower floors in this order. */
export function takeTrimmerSteps(steps: Steps): void {
  const { trimmer } = steps.now;
  switch (trimmer.phase) {
    case TrimmerPhase.idle:
      if (trimmer.rounds > 0) chooseFloor(steps);
      return;
    case TrimmerPhase.writingFloor:
      putFloor(steps, trimmer);
      return;
    case TrimmerPhase.resolving:
      resolveFloor(steps, trimmer);
      return;
    case TrimmerPhase.deleting:
      deleteNext(steps, trimmer);
      return;
  }
}

/** The position of any commit of the log below one that exists. Commits cannot lie about their sequence number; claims can. */
function chooseFloor(steps: Steps): void {
  const { now, configuration } = steps;
  const newest = newestPosition(now);
  const end = breaks(configuration, "trim takes the newest object") ? newest : newest - 1;
  for (let floor = 1; floor <= Math.min(end, now.lastPosition); floor++) {
    if (!isCommit(now.historyAt(floor))) continue;
    steps.take(() => `trimmer: trims to ${floor}`, ({ trimmer }) => {
      trimmer.floor = floor;
      trimmer.phase = breaks(configuration, "trim deletes before the floor exists") ? TrimmerPhase.deleting : TrimmerPhase.writingFloor;
    });
  }
}

function putFloor(steps: Steps, { floor }: Trimmer): void {
  const label = (): string => `trimmer: PUT trim/${floor}`;
  steps.take(label, (next) => {
    createFloor(next, floor);
    next.trimmer.phase = TrimmerPhase.deleting;
  });
  loseAnswer(steps, label, { kind: RequestKind.createFloor, position: floor, detail: 0, ghosts: 0 }, ({ trimmer }) => {
    const goesOn = breaks(steps.configuration, "trim deletes after an ambiguous floor");
    trimmer.phase = goesOn ? TrimmerPhase.deleting : TrimmerPhase.resolving;
  });
}

/** If it is not there, it may still come; the next trim will delete for it. */
function resolveFloor(steps: Steps, { floor }: Trimmer): void {
  const found = hasFloor(steps.now, floor);
  steps.take(() => `trimmer: GET trim/${floor} back, ${found ? "found" : "404"}`, ({ trimmer }) => {
    if (found) trimmer.phase = TrimmerPhase.deleting;
    else trimmer.end();
  });
}

function deleteNext(steps: Steps, trimmer: Trimmer): void {
  const request = nextToDelete(steps, trimmer);
  if (request === undefined) steps.take("trimmer: done", (next) => { next.trimmer.end(); });
  else takeDelete(steps, () => `trimmer: DELETE ${keyOf(request)}`, request, () => undefined);
}

function nextToDelete({ now, configuration }: Steps, { floor }: Trimmer): RequestContent | undefined {
  for (let position = 1; position <= floor; position++) {
    const content = now.objectAt(position);
    if (content === NOTHING || !(isCommit(content) || breaks(configuration, "trim deletes claims"))) continue;
    return { kind: RequestKind.deleteObject, position, detail: 0, ghosts: 0 };
  }
  for (const { exists, first, last } of now.packs) {
    if (exists && last <= floor) return { kind: RequestKind.deletePack, position: first, detail: last, ghosts: 0 };
  }
  const kept = breaks(configuration, "trim removes every floor but its own") ? floor : floorOf(now);
  for (let position = 1; position <= MAX_POSITION; position++) {
    if (position !== kept && hasFloor(now, position)) return { kind: RequestKind.deleteFloor, position, detail: 0, ghosts: 0 };
  }
  return undefined;
}

function keyOf({ kind, position, detail }: RequestContent): string {
  if (kind === RequestKind.deletePack) return `pack/${detail}-${position}`;
  return kind === RequestKind.deleteFloor ? `trim/${position}` : `log/${position}`;
}
