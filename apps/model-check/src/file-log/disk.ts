import { Block, Fill } from "./block.js";
import type { BlockPlace } from "./block.js";
import type { Segment } from "./segment.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";

/** The file leaves the view; its blocks stay until the disk forgets its entry too. */
export function removeFile(segment: Segment): void {
  segment.inView = false;
  if (!segment.onDisk) segment.erase();
}

/** The disk has the entries that the view has. */
export function syncDirectory(state: State): void {
  for (const segment of state.segments) {
    segment.onDisk = segment.inView;
    if (!segment.inView) segment.erase();
  }
}

/** A sync of the file is answered ok. Blocks that a failed one left behind are clean: nothing happens to them. */
export function syncFrames(state: State, segment: Segment): void {
  for (const place of unsyncedPlaces(state, segment)) state.setBlock(place, Block.durable);
}

/** The blocks of frames that the next sync of the file would write. */
export function unsyncedPlaces(state: State, segment: Segment): BlockPlace[] {
  return segment.framePlaces.filter((place) => state.block(place) === Block.cached);
}

/**
 * A write or sync of `places` fails: any subset of them is on disk, and the rest stays readable for a while. `then` is what the
 * writer makes of it.
 */
export function takeFailures(steps: Steps, places: readonly BlockPlace[], then: (next: State) => void): void {
  if (steps.now.budget.failures === 0) return;
  for (let onDisk = 0; onDisk < 1 << places.length; onDisk++) {
    const isOnDisk = (index: number): boolean => ((onDisk >> index) & 1) === 1;
    const label = (): string => `the write fails, on disk: ${listed(places.filter((_, index) => isOnDisk(index)))}`;
    steps.take(label, (next) => {
      next.budget.failures--;
      for (const [index, place] of places.entries()) next.setBlock(place, isOnDisk(index) ? Block.durable : Block.phantom);
      then(next);
      steps.count("failed write");
    });
  }
}

/** Power is lost: every combination of what was not synced. `then` is what else is lost. */
export function takePowerLosses(steps: Steps, then: (next: State) => void): void {
  const undecided = undecidedOf(steps.now, steps.configuration.garbage).reverse();
  const combinations = undecided.reduce((product, { outcomes }) => product * outcomes.length, 1);
  for (let combination = 0; combination < combinations; combination++) {
    steps.take("power loss", (next) => {
      choose(next, undecided, combination);
      settle(next);
      then(next);
    });
  }
}

/** Something of which view and disk differ, and what power loss may make of it. */
interface Undecided {
  readonly outcomes: readonly number[];
  readonly set: (next: State, outcome: number) => void;
}

const LOST_OR_KEPT: readonly number[] = [Block.zero, Block.durable];
const LOST_KEPT_OR_GARBAGE: readonly number[] = [Block.zero, Block.durable, Block.garbage];
const ENTRY_OUTCOMES: readonly number[] = [0, 1];
const FILL_OUTCOMES: readonly number[] = [Fill.none, Fill.garbage];

function undecidedOf(now: State, garbage: boolean): Undecided[] {
  const undecided: Undecided[] = [];
  const blockOutcomes = garbage ? LOST_KEPT_OR_GARBAGE : LOST_OR_KEPT;
  const addBlock = (place: BlockPlace): void => {
    if (now.block(place) !== Block.cached) return;
    undecided.push({ outcomes: blockOutcomes, set: (next, outcome) => { next.setBlock(place, outcome); } });
  };
  for (const segment of now.segments) {
    const { number, inView, onDisk, headerPlace, beginPlace, fill } = segment;
    if (!inView && !onDisk) continue;
    if (inView !== onDisk) {
      undecided.push({ outcomes: ENTRY_OUTCOMES, set: (next, outcome) => { setEntry(next.segment(number), outcome === 1); } });
    }
    addBlock(headerPlace);
    addBlock(beginPlace);
    if (fill === Fill.inFlight) {
      undecided.push({ outcomes: FILL_OUTCOMES, set: (next, outcome) => { next.segment(number).fill = outcome; } });
    }
    for (const place of segment.framePlaces) addBlock(place);
  }
  return undecided;
}

/** `combination` is a number whose digits are the outcomes, the lowest digit first. */
function choose(next: State, undecided: readonly Undecided[], combination: number): void {
  let rest = combination;
  for (const { outcomes, set } of undecided) {
    set(next, outcomes[rest % outcomes.length] ?? 0);
    rest = Math.floor(rest / outcomes.length);
  }
}

function setEntry(segment: Segment, exists: boolean): void {
  segment.inView = exists;
  segment.onDisk = exists;
}

/** The view is what the disk has: files without an entry are gone, and so is what only the cache had. */
function settle(next: State): void {
  for (const segment of next.segments) {
    if (!segment.inView) segment.erase();
    else for (const place of segment.places) if (next.block(place) === Block.phantom) next.setBlock(place, Block.zero);
  }
}

function listed(places: readonly BlockPlace[]): string {
  return places.map(({ part }) => part).join(" and ") || "nothing";
}
