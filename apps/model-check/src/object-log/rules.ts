/**
 * The rules of the protocol that the checker can take away, one at a time, to see that it notices. A name says what a log does
 * that does not keep the rule; the sentence is the rule.
 */
export const rules = {
  "trim deletes claims":
    "A trim never deletes a claim, whatever it covers: only a claim stops a writer that was asleep while the log went on.",
  "merge deletes claims": "A merge never deletes a claim, for the same reason.",
  "no listing after the claim":
    "A claim counts only when a listing taken after it shows nothing behind it. Otherwise it may lie where a commit was deleted.",
  "ambiguous answer taken as success": "A commit without an answer is acknowledged only after it was read back.",
  "own object recognised by its writer only": "An object that is read back is one's own only if all of its bytes are.",
  "retry of a position with other bytes": "What was sent to a position once is sent to it again with the same bytes, or not at all.",
  "fenced after an ambiguous attempt means not applied":
    "A fenced writer whose attempt was not answered reports that the outcome is unknown: its record may lie in a pack.",
  "put without condition": "An object is created only where none is.",
  "trim takes the newest object":
    "A floor lies below a position that was seen to exist. So the greatest key always tells where the log ends.",
  "merge takes the newest object": "A pack ends below a position that was seen to exist, for the same reason.",
  "trim deletes before the floor exists": "A trim deletes only after its floor is durable.",
  "trim deletes after an ambiguous floor": "A trim deletes nothing for a floor that was not answered and cannot be read back.",
  "trim removes every floor but its own": "A floor is removed only when there is a higher one.",
  "merge deletes before the pack exists": "A merge deletes only after its pack is durable.",
  "merge without a check after reading":
    "A merger that reads looks for packs and the floor after its last GET: what they cover may have been a ghost.",
  "reader ignores sequence numbers": "A reader goes back if an object's sequence number lies beyond the one it waits for.",
  "reader ignores the sequence numbers of claims": "This holds for claims as well, though they have no records.",
  "two commits in flight": "A writer sends a commit only when it knows that the one before is its own.",
  "missing object taken as the end": "A GET that finds nothing says nothing about the end: only a listing does.",
  "reader goes on at the floor silently": "A reader whose next record was trimmed says so.",
  "reader steps over a hole":
    "A reader lists again if the first key is not the one it waits for. Covered: the sequence numbers would send it back.",
} as const;

/** Name of a rule that can be taken away. */
export type RuleName = keyof typeof rules;
