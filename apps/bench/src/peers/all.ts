import { LOOP_FLOOR, LOOP_FLOOR_SETTING } from "./loop-floor.js";
import { loadClassicLevel } from "./classic-level.js";
import { floorSetting } from "./floor.js";
import { loadLmdb } from "./lmdb.js";
import { logPeer } from "./log.js";
import { loadSqlite } from "./sqlite.js";
import type { MissingPeer, Peer } from "./store.js";

/** Packages whose versions the report names. */
export const peerPackages: readonly string[] = ["lmdb", "classic-level"];

/** What the two floors are called. */
export const floorNames = { async: "async write floor", sync: "sync write floor" } as const;

/** The databases the log is compared with; the ones that cannot run here say why. */
export async function loadPeers(): Promise<readonly (Peer | MissingPeer)[]> {
  return await Promise.all([loadLmdb(), loadClassicLevel(), loadSqlite()]);
}

/** Name and settings of everybody in the report. */
export function settingsOf(peers: readonly (Peer | MissingPeer)[]): Readonly<Record<string, string>> {
  return {
    [logPeer.name]: logPeer.setting,
    [floorNames.async]: `fs.write, ${floorSetting()}`,
    [floorNames.sync]: `fs.writeSync, ${floorSetting()}`,
    [LOOP_FLOOR]: LOOP_FLOOR_SETTING,
    ...Object.fromEntries(peers.map((peer) => [peer.name, "setting" in peer ? peer.setting : peer.missing])),
  };
}
