/**
 * The rules of the protocol that the checker can take away, one at a time, to see that it notices. A name says what a log does
 * that does not keep the rule; the sentence is the rule.
 */
export const rules = {
  "recovery syncs and trusts the view":
    "Recovery syncs nothing in an inherited segment and believes nothing because it can be read.",
  "unproven tail is not copied":
    "Frames that can be read but are not proven durable are copied into a new segment before anything of them is delivered.",
  "a complete segment may be named":
    "Only an established segment is named as predecessor: readable copies are not enough, since they may be in the view only.",
  "segment counts from its first frame": "A segment counts when all of its copies are vouched for, not when the first one is.",
  "segment counts from its begin": "A segment counts when all of its copies are vouched for, not when its begin can be read.",
  "source read again without a check":
    "A frame is read and checked again when it is copied; if it no longer reads as planned, the plan is made again.",
  "copies only from the head":
    "Copies are made from whichever file reaches furthest, unfinished segments above the head included.",
  "copies only from a complete candidate": "An unfinished segment is a source even if not all of its copies can be read.",
  "voids removed before the copies are durable":
    "Void files are removed only after all copies are durable, since one of them may be the source.",
  "new segment names the newest file":
    "A new segment names the head as its predecessor, not the newest file with a valid header.",
  "number reused": "The number of a new segment is larger than every number listed or named.",
  "statement of an unfinished begin ignored":
    "What a valid begin says about its predecessor is evidence even if its segment never got a frame.",
  "two commits in flight": "A frame is written only after the frame before it is durable.",
  "removes for a floor that is only seen":
    "Files are removed for a floor that is proven or was restated durably by this writer, not for one that was only read.",
  "lock on the segment": "All writing happens under one lock that lies on no segment, so that a rotation does not let go of it.",
  "checksum without salt": "A checksum covers the segment and the offset, so that no payload can pass for a frame.",
  "untouched-sector rule":
    "A tail is damage only if something proves that it was durable; whether its sectors were touched proves nothing.",
  "no search for evidence behind the tail":
    "Behind the last whole frame the scan searches for valid headers: each one proves what its writer knew to be durable.",
  "marker in the block of the commit":
    "Markers and seals start at the next 4 KiB boundary, so that no block holds a commit and its only evidence.",
  "begin and commit in one sync": "The begin is durable before the first frame is written.",
  "header not synced before the file grows": "The segment header is durable before the file grows any further.",
  "directory entry not synced": "The directory is synced before anything is written behind the segment header.",
  "frame vouches for itself": "A frame states only what was durable before it was written.",
  "failed write acknowledged after a second sync":
    "After a failed write or sync the writer writes and acknowledges nothing more.",
  "trim without control frame": "A trim is acknowledged when its floor stands durably in a frame or a begin.",
  "trim removes before its frame is durable": "A trim removes files only after its frame is durable.",
  "a floor that is only seen is answered":
    "A trim is answered without writing only where its floor is proven, or stands in what this writer wrote; a floor that was only read is written again.",
  "floor of a begun segment ignored": "The floor counts in every valid begin, whether or not its segment was finished.",
  "reader does not wait for a voucher":
    "A reader in another process delivers a frame only when something else proves that it is durable.",
  "reader enters a segment that is not established":
    "A reader in another process enters only a segment that is established by proof.",
  "rotation before the old segment is synced": "In relaxed mode the old segment is synced before the next one begins.",
  "synced append in relaxed mode by O_DSYNC alone":
    "In relaxed mode a synced append syncs the whole file: a synced write alone pins its own bytes and leaves a hole before them.",
  "head removed when its place is begun": "A head whose place is taken stays at least until all copies are durable.",
  "head removed before its copies are vouched for":
    "A head whose place is taken is removed only when a frame behind the copies is durable and vouches for them.",
  "head removed for a frame that is not synced": "In relaxed mode the frame that vouches for the copies is synced before the head is removed.",
  "a segment in the head's place holds only the unproven":
    "A segment that takes the head's place names the head's predecessor, and so holds everything that the head holds.",
  "a segment in the head's place is no source": "A segment that was to take the head's place is a source like one that follows the head.",
  "place of the first segment taken":
    "Only a head with a predecessor is replaced: of a begun segment that names none it cannot be told that it holds anything.",
  "place taken on a predecessor that was trimmed": "Only a head whose predecessor is part of the history is replaced.",
} as const;

/** Name of a rule that can be taken away. */
export type RuleName = keyof typeof rules;
