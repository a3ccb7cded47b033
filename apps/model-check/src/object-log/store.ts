import { NOTHING } from "./content.js";
import { MAX_POSITION } from "./state.js";
import type { Pack, State } from "./state.js";

/** What requests to the bucket are answered. A LIST of one directory, a GET, a PUT and a DELETE are one step each. */

/** LIST `log/`: the greatest position, 0 if there is none. */
export function newestPosition(state: State): number {
  for (let position = MAX_POSITION; position > 0; position--) if (state.objectAt(position) !== NOTHING) return position;
  return 0;
}

/** LIST `log/`: the first position from `position` on, 0 if there is none. */
export function firstPositionFrom(state: State, position: number): number {
  for (let listed = position; listed <= MAX_POSITION; listed++) if (state.objectAt(listed) !== NOTHING) return listed;
  return 0;
}

/** LIST `trim/`: the floor, 0 if there is none. */
export function floorOf(state: State): number {
  return 32 - Math.clz32(state.floors);
}

/** GET `trim/<position>`: whether it is there. */
export function hasFloor(state: State, position: number): boolean {
  return ((state.floors >> (position - 1)) & 1) === 1;
}

/** PUT `trim/<position>`. All floors of one position have the same bytes. */
export function createFloor(state: State, position: number): void {
  state.floors |= 1 << (position - 1);
}

/** DELETE `trim/<position>`. */
export function removeFloor(state: State, position: number): void {
  state.floors &= ~(1 << (position - 1));
}

/** GET `pack/<last>-<first>`. */
export function findPack(state: State, first: number, last: number): Pack | undefined {
  for (const pack of state.packs) if (pack.first === first && pack.last === last) return pack;
  return undefined;
}

/** LIST `pack/`: the pack that covers `position` and reaches furthest. */
export function furthestPack(state: State, position: number): Pack | undefined {
  let furthest: Pack | undefined;
  for (const pack of state.packs) {
    if (pack.covers(position) && (furthest === undefined || pack.last > furthest.last)) furthest = pack;
  }
  return furthest;
}

/** Whether the model has room for the pack, or has it. Where it has none, the history ends. */
export function hasRoomForPack(state: State, first: number, last: number): boolean {
  for (const pack of state.packs) if (!pack.exists) return true;
  return findPack(state, first, last) !== undefined;
}

/** Creates a pack, unless it is there. */
export function createPack(state: State, first: number, last: number, ghosts: number): void {
  if (findPack(state, first, last) !== undefined) return;
  for (const pack of state.packs) {
    if (pack.exists) continue;
    pack.first = first;
    pack.last = last;
    pack.ghosts = ghosts;
    return;
  }
}
