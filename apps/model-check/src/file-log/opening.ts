import { Goal, Phase } from "./actors.js";
import { isReadable } from "./block.js";
import { breaks } from "./configuration.js";
import { removeFile, syncFrames } from "./disk.js";
import { makeSegment } from "./making.js";
import { planRecovery } from "./plan.js";
import { contradicts, promiseDurable, reportGone } from "./promises.js";
import { mayTakePlace } from "./replacing.js";
import { scanSegment } from "./scan.js";
import { MAX_SEQ } from "./state.js";
import type { State } from "./state.js";
import type { Steps } from "./steps.js";
import { setFloor } from "./trimming.js";

// Opening. The whole directory is read in one step; what recovery writes is the same steps that an append takes.

/** Takes over the plan; copies the unproven tail if there is one, and has the log open at once if not. Damage is refused. */
export function open(steps: Steps, next: State): void {
  const { configuration } = steps;
  const { writer } = next;
  const plan = planRecovery(next, configuration);
  if (plan.refusal !== undefined) {
    writer.phase = Phase.refused;
    steps.count("refused: damage");
    return;
  }
  writer.head = plan.head;
  writer.headEnd = plan.end;
  writer.headLastSeq = plan.lastSeq;
  writer.copyThrough = plan.copyThrough;
  writer.source = plan.source;
  writer.nextSeq = plan.copyThrough + 1;
  writer.floorSeq = plan.floorSeq;
  writer.floorNumber = plan.floorNumber;
  writer.durableFloorSeq = plan.provenFloorSeq;
  writer.making = plan.newNumber;

  if (breaks(configuration, "new segment names the newest file")) nameNewestFile(next);
  if (breaks(configuration, "number reused") && plan.newNumber - 1 > plan.head) writer.making = plan.newNumber - 1;
  if (breaks(configuration, "removes for a floor that is only seen")) {
    for (const segment of next.segments) if (segment.number < plan.floorNumber && segment.inView) removeFile(segment);
  }

  if (plan.copyThrough === plan.lastSeq) {
    resolveOpen(steps, next);
    return;
  }
  const syncs = breaks(configuration, "recovery syncs and trusts the view");
  if (syncs || breaks(configuration, "unproven tail is not copied")) {
    const source = next.segment(plan.source);
    writer.head = plan.source;
    writer.headEnd = scanSegment(source, configuration).end;
    writer.headLastSeq = plan.copyThrough;
    if (syncs) syncFrames(next, source);
    resolveOpen(steps, next);
    return;
  }
  writer.goal = mayTakePlace(next, configuration) ? Goal.replace : Goal.copy;
  writer.phase = configuration.fullDisk && writer.goal === Goal.copy ? Phase.readOnly : Phase.creating;
  steps.count("copy needed");
}

/** What the log shows is delivered, and so promised; what it does not show is reported as not kept. */
export function resolveOpen(steps: Steps, next: State): void {
  const { writer, promises } = next;
  writer.phase = Phase.open;
  const plan = planRecovery(next, steps.configuration);
  if (plan.refusal !== undefined) return;
  // If a fresh copy was damaged meanwhile, what it showed is not delivered as durable.
  const deliveredThrough = writer.current !== 0 && plan.source !== writer.current ? plan.lastSeq : plan.copyThrough;
  for (let seq = plan.floorSeq; seq <= MAX_SEQ; seq++) {
    const value = plan.values[seq] ?? 0;
    if (value !== 0 && seq <= deliveredThrough) {
      if (contradicts(next, seq, value)) steps.violation("another value delivered");
      promiseDurable(next, seq, value);
    }
    promises.relaxed[seq] = 0;
  }
  reportGone(next, plan);
}

/** The disk is full: the log can be read and trimmed, until there is room again. */
export function waitForRoom(steps: Steps): void {
  const { writer, promises, budget } = steps.now;
  steps.take("there is room again", (next) => {
    next.writer.phase = Phase.creating;
  });
  if (budget.trims === 0) return;
  const lowest = Math.max(writer.floorSeq, promises.floorSeq + 1);
  for (let floorSeq = lowest; floorSeq <= writer.headLastSeq + 1; floorSeq++) {
    steps.take(() => `trim to ${floorSeq} on a full disk`, (next) => {
      next.budget.trims--;
      setFloor(next, floorSeq, writer.head);
      makeSegment(next.writer, Goal.trimAndCopy);
    });
  }
}

function nameNewestFile(next: State): void {
  const newest = next.newestFirst.find((segment) => segment.inView && isReadable(segment.header));
  if (newest === undefined || newest.number === next.writer.head) return;
  next.writer.head = newest.number;
  next.writer.headEnd = 0;
}
