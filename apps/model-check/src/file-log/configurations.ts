import type { Bounds } from "./configuration.js";
import type { RuleName } from "./rules.js";

/** A configuration in which every promise must hold. Bounds that are not named are those of `configurationOf`. */
export interface SafeConfiguration {
  readonly name: string;
  readonly about: string;
  readonly bounds: Partial<Bounds>;
}

/** A search in which the lack of one rule must break a promise. */
export interface Control {
  readonly rule: RuleName;
  readonly bounds: Partial<Bounds>;
}

/** Searched until nothing is left unexplored. */
export const safeConfigurations: readonly SafeConfiguration[] = [
  {
    name: "create, append, garbage and filling",
    about: "A new log on a disk that leaves garbage where power is lost; files are filled before use.",
    bounds: { appends: 2, processCrashes: 1, powerLosses: 2, garbage: true, fill: true, framesPerSegment: 2 },
  },
  {
    name: "failed writes, eviction",
    about: "A write fails, its bytes can be read for a while, and then they are gone.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, failures: 1, framesPerSegment: 2 },
  },
  {
    name: "two failed writes, nested recoveries",
    about: "The second failure hits the copies of the first.",
    bounds: { appends: 2, processCrashes: 0, powerLosses: 1, failures: 2, framesPerSegment: 2 },
  },
  {
    name: "power loss in recovery, again and again",
    about: "A failed write and three power losses, at any step of any opening.",
    bounds: { appends: 2, processCrashes: 0, powerLosses: 3, failures: 1, framesPerSegment: 2 },
  },
  {
    name: "four appends, three process crashes",
    about: "The longest chains of segments.",
    bounds: { appends: 4, processCrashes: 3, powerLosses: 1, framesPerSegment: 2 },
  },
  {
    name: "rotation, prepared ahead, marker",
    about: "The next segment is made ahead of its use, and may be left behind.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 2, marker: true, ahead: true, framesPerSegment: 2 },
  },
  {
    name: "seal, marker, failed writes",
    about: "Frames without records, each of which may fail as well.",
    bounds: { appends: 2, processCrashes: 1, powerLosses: 1, failures: 1, seal: true, marker: true, framesPerSegment: 3 },
  },
  {
    name: "trim twice",
    about: "Files are removed, in any state of the removal.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 2, trims: 2, framesPerSegment: 2 },
  },
  {
    name: "trim, failed writes",
    about: "The frame that carries the floor fails.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, failures: 1, trims: 1, framesPerSegment: 2 },
  },
  {
    name: "trim twice, failed writes",
    about: "A floor that an opening has only read is asked for again.",
    bounds: { appends: 2, processCrashes: 1, powerLosses: 1, failures: 1, trims: 2, framesPerSegment: 2 },
  },
  {
    name: "full disk, trim",
    about: "There is no room to copy; a trim makes some.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, failures: 1, trims: 1, fullDisk: true, framesPerSegment: 2 },
  },
  {
    name: "reader elsewhere, failed writes",
    about: "A reader in another process sees bytes that are not on disk.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, failures: 1, reader: true, framesPerSegment: 2 },
  },
  {
    name: "reader elsewhere, marker",
    about: "A reader in another process is moved on by markers.",
    bounds: { appends: 3, processCrashes: 2, powerLosses: 1, reader: true, marker: true, framesPerSegment: 3 },
  },
  {
    name: "reader elsewhere, trim",
    about: "Files are removed under a reader in another process.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 2, reader: true, trims: 1, framesPerSegment: 2 },
  },
  {
    name: "relaxed",
    about: "Several unsynced commits, so several copies.",
    bounds: { appends: 3, processCrashes: 2, powerLosses: 2, relaxed: true, framesPerSegment: 2 },
  },
  {
    name: "relaxed, failed sync, write-back fails",
    about: "The kernel gives up on unsynced blocks after the process is gone.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, failures: 1, relaxed: true, writeBackFails: true, framesPerSegment: 2 },
  },
  {
    name: "relaxed, reader",
    about: "A reader in another process must not follow what is not synced.",
    bounds: { appends: 3, processCrashes: 2, powerLosses: 1, relaxed: true, reader: true, framesPerSegment: 3 },
  },
  {
    name: "relaxed, trim",
    about: "A trim among relaxed commits.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, relaxed: true, trims: 1, framesPerSegment: 2 },
  },
  {
    name: "relaxed, trim twice",
    about: "The same where commits are not synced.",
    bounds: { appends: 2, processCrashes: 1, powerLosses: 2, relaxed: true, trims: 2, framesPerSegment: 2 },
  },
  {
    name: "damage, marker",
    about: "One durable block is damaged, with markers as evidence.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, damages: 1, marker: true, framesPerSegment: 3 },
  },
  {
    name: "damage, failed writes",
    about: "One durable block is damaged, and a write fails before or after.",
    bounds: { appends: 2, processCrashes: 1, powerLosses: 1, failures: 1, damages: 1, framesPerSegment: 2 },
  },
  {
    name: "damage, power loss",
    about: "One durable block is damaged, before, between or after two power losses.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 2, damages: 1, framesPerSegment: 2 },
  },
  {
    name: "damage, trim",
    about: "One durable block is damaged, perhaps the one that carries the floor.",
    bounds: { appends: 3, processCrashes: 1, powerLosses: 1, trims: 1, damages: 1, framesPerSegment: 2 },
  },
  {
    name: "damage, reader, relaxed",
    about: "One durable block is damaged, in relaxed mode and with a reader in another process.",
    bounds: { appends: 2, processCrashes: 1, powerLosses: 1, damages: 1, relaxed: true, reader: true, framesPerSegment: 2 },
  },
  {
    name: "small head: failed writes, eviction",
    about: "The head or its copies are gone from the view between two steps.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 1, failures: 1, framesPerSegment: 2 },
  },
  {
    name: "small head: two failed writes, nested recoveries",
    about: "The second failure hits the copies of the first.",
    bounds: { takesPlace: true, appends: 2, processCrashes: 0, powerLosses: 1, failures: 2, framesPerSegment: 2 },
  },
  {
    name: "small head: power loss in recovery, again and again",
    about: "A failed write and three power losses, at any step of any opening.",
    bounds: { takesPlace: true, appends: 2, processCrashes: 0, powerLosses: 3, failures: 1, framesPerSegment: 2 },
  },
  {
    name: "small head: four appends, two process crashes",
    about: "The longest chains of segments that take the place of the one before.",
    bounds: { takesPlace: true, appends: 4, processCrashes: 2, powerLosses: 1, framesPerSegment: 2 },
  },
  {
    name: "small head: seal, marker",
    about: "Frames without records vouch for the copies.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 1, seal: true, marker: true, framesPerSegment: 3 },
  },
  {
    name: "small head: seal, marker, failed writes",
    about: "Frames without records vouch for the copies, and fail.",
    bounds: { takesPlace: true, appends: 2, processCrashes: 0, powerLosses: 1, failures: 1, seal: true, marker: true, framesPerSegment: 2 },
  },
  {
    name: "small head: trim twice",
    about: "The floor decides whether the head may be replaced; a trim without a segment follows it.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 2, trims: 2, framesPerSegment: 2 },
  },
  {
    name: "small head: trim twice, failed writes",
    about: "A floor that an opening has only read is asked for again.",
    bounds: { takesPlace: true, appends: 2, processCrashes: 1, powerLosses: 1, failures: 1, trims: 2, framesPerSegment: 2 },
  },
  {
    name: "small head: full disk, trim",
    about: "There may be no room for all copies: what was begun stays, and the next segment follows the head.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 1, trims: 1, fullDisk: true, framesPerSegment: 2 },
  },
  {
    name: "small head: full disk, trim, failed writes",
    about: "The same with a failed write.",
    bounds: { takesPlace: true, appends: 2, processCrashes: 1, powerLosses: 1, failures: 1, trims: 1, fullDisk: true, framesPerSegment: 2 },
  },
  {
    name: "small head: reader elsewhere, failed writes",
    about: "The head is replaced under a reader in another process.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 1, failures: 1, reader: true, framesPerSegment: 2 },
  },
  {
    name: "small head: reader elsewhere, marker",
    about: "The same, and markers move the reader on.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 1, reader: true, marker: true, framesPerSegment: 2 },
  },
  {
    name: "small head: reader elsewhere, trim",
    about: "The same, and files are removed by trims as well.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 2, reader: true, trims: 1, framesPerSegment: 2 },
  },
  {
    name: "small head: relaxed",
    about: "Several unsynced commits, so several copies; a sync vouches for them.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 2, powerLosses: 1, relaxed: true, framesPerSegment: 2 },
  },
  {
    name: "small head: relaxed, failed sync, write-back fails",
    about: "The kernel gives up on unsynced blocks after the process is gone.",
    bounds: {
      takesPlace: true,
      appends: 3,
      processCrashes: 1,
      powerLosses: 1,
      failures: 1,
      relaxed: true,
      writeBackFails: true,
      framesPerSegment: 2,
    },
  },
  {
    name: "small head: relaxed, reader",
    about: "A reader in another process must not follow what is not synced.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 2, powerLosses: 1, relaxed: true, reader: true, framesPerSegment: 2 },
  },
  {
    name: "small head: relaxed, trim",
    about: "A trim among relaxed commits.",
    bounds: { takesPlace: true, appends: 3, processCrashes: 1, powerLosses: 1, relaxed: true, trims: 1, framesPerSegment: 2 },
  },
  {
    name: "small head: damage, marker",
    about: "One durable block is damaged; what was ever proven survives it.",
    bounds: {
      takesPlace: true,
      appends: 3,
      processCrashes: 1,
      powerLosses: 1,
      damages: 1,
      marker: true,
      framesPerSegment: 3,
      provenStays: "in the history",
    },
  },
  {
    name: "small head: damage, failed writes",
    about: "The same after a failed write.",
    bounds: {
      takesPlace: true,
      appends: 2,
      processCrashes: 1,
      powerLosses: 1,
      failures: 1,
      damages: 1,
      framesPerSegment: 2,
      provenStays: "in the history",
    },
  },
  {
    name: "small head: damage, power loss",
    about: "The same with power losses.",
    bounds: {
      takesPlace: true,
      appends: 3,
      processCrashes: 1,
      powerLosses: 2,
      damages: 1,
      framesPerSegment: 2,
      provenStays: "in the history",
    },
  },
  {
    name: "small head: damage, trim",
    about: "The same, perhaps in the block that carries the floor.",
    bounds: {
      takesPlace: true,
      appends: 3,
      processCrashes: 1,
      powerLosses: 1,
      trims: 1,
      damages: 1,
      framesPerSegment: 2,
      provenStays: "in the history",
    },
  },
  {
    name: "small head: damage, reader, relaxed",
    about: "The same in relaxed mode and with a reader in another process.",
    bounds: {
      takesPlace: true,
      appends: 3,
      processCrashes: 1,
      powerLosses: 1,
      damages: 1,
      relaxed: true,
      reader: true,
      framesPerSegment: 2,
      provenStays: "in the history",
    },
  },
  {
    name: "small head: damage, seal, relaxed",
    about: "The same in relaxed mode, with logs that were closed.",
    bounds: {
      takesPlace: true,
      appends: 3,
      processCrashes: 1,
      powerLosses: 1,
      damages: 1,
      relaxed: true,
      seal: true,
      framesPerSegment: 2,
      provenStays: "in the history",
    },
  },
];

/** Too large to be searched to the end; breadth-first as far as the limit allows. */
export const largeConfigurations: readonly SafeConfiguration[] = [
  {
    name: "large: failed writes, two of each",
    about: "Two failed writes and two process crashes in one history.",
    bounds: { appends: 3, processCrashes: 2, powerLosses: 1, failures: 2, framesPerSegment: 2 },
  },
];

/** Rules that must be missed: without one of them a promise breaks. */
export const controls: readonly Control[] = [
  { rule: "recovery syncs and trusts the view", bounds: { failures: 1, powerLosses: 0, processCrashes: 0 } },
  { rule: "unproven tail is not copied", bounds: { failures: 1, powerLosses: 0, processCrashes: 0 } },
  { rule: "a complete segment may be named", bounds: { failures: 1, processCrashes: 1, powerLosses: 2 } },
  { rule: "segment counts from its first frame", bounds: { relaxed: true, processCrashes: 2, powerLosses: 0 } },
  { rule: "segment counts from its begin", bounds: { processCrashes: 2, powerLosses: 1 } },
  { rule: "source read again without a check", bounds: { failures: 1 } },
  { rule: "copies only from the head", bounds: { failures: 1 } },
  { rule: "copies only from a complete candidate", bounds: { damages: 1, relaxed: true, framesPerSegment: 2 } },
  { rule: "voids removed before the copies are durable", bounds: { failures: 1, processCrashes: 2 } },
  { rule: "new segment names the newest file", bounds: { processCrashes: 2 } },
  { rule: "number reused", bounds: { relaxed: true, appends: 3, processCrashes: 2, powerLosses: 2, failures: 1 } },
  { rule: "statement of an unfinished begin ignored", bounds: { damages: 1, framesPerSegment: 1 } },
  { rule: "two commits in flight", bounds: { powerLosses: 0 } },
  { rule: "removes for a floor that is only seen", bounds: { trims: 1, appends: 3, failures: 1, framesPerSegment: 1 } },
  { rule: "lock on the segment", bounds: { appends: 4, powerLosses: 0, framesPerSegment: 2 } },
  { rule: "checksum without salt", bounds: { powerLosses: 0 } },
  { rule: "untouched-sector rule", bounds: { garbage: true } },
  { rule: "no search for evidence behind the tail", bounds: { damages: 1 } },
  { rule: "marker in the block of the commit", bounds: { damages: 1, marker: true, appends: 1 } },
  { rule: "begin and commit in one sync", bounds: { appends: 1 } },
  { rule: "header not synced before the file grows", bounds: { fill: true } },
  { rule: "directory entry not synced", bounds: {} },
  { rule: "frame vouches for itself", bounds: { powerLosses: 0 } },
  { rule: "failed write acknowledged after a second sync", bounds: { failures: 1 } },
  { rule: "trim without control frame", bounds: { trims: 1, appends: 3, framesPerSegment: 2 } },
  { rule: "trim removes before its frame is durable", bounds: { trims: 1, appends: 3, framesPerSegment: 2 } },
  { rule: "a floor that is only seen is answered", bounds: { trims: 2, appends: 2, framesPerSegment: 2 } },
  { rule: "floor of a begun segment ignored", bounds: { trims: 1, appends: 3, fullDisk: true, processCrashes: 2, framesPerSegment: 2 } },
  { rule: "reader does not wait for a voucher", bounds: { reader: true, appends: 1 } },
  { rule: "rotation before the old segment is synced", bounds: { relaxed: true, appends: 3, framesPerSegment: 2 } },
  { rule: "synced append in relaxed mode by O_DSYNC alone", bounds: { relaxed: true } },
  { rule: "head removed when its place is begun", bounds: { takesPlace: true, appends: 3, framesPerSegment: 2 } },
  {
    rule: "head removed before its copies are vouched for",
    bounds: { takesPlace: true, appends: 3, processCrashes: 0, seal: true, damages: 1, framesPerSegment: 2, provenStays: "in the history" },
  },
  {
    rule: "head removed for a frame that is not synced",
    bounds: { takesPlace: true, appends: 3, relaxed: true, seal: true, fullDisk: true, framesPerSegment: 2 },
  },
  { rule: "a segment in the head's place holds only the unproven", bounds: { takesPlace: true, appends: 3, framesPerSegment: 2 } },
  { rule: "a segment in the head's place is no source", bounds: { takesPlace: true, processCrashes: 0, failures: 1, seal: true, framesPerSegment: 2 } },
  { rule: "place of the first segment taken", bounds: { takesPlace: true, framesPerSegment: 2 } },
  {
    rule: "place taken on a predecessor that was trimmed",
    bounds: { takesPlace: true, trims: 1, appends: 3, processCrashes: 2, framesPerSegment: 2 },
  },
];

/** Rules that are not missed alone, because another one covers them. Kept in the protocol, and shown here to be covered. */
export const redundantRules: readonly Control[] = [
  {
    rule: "reader enters a segment that is not established",
    bounds: { reader: true, relaxed: true, appends: 3, processCrashes: 2, powerLosses: 1 },
  },
];
