import type { KinesisEvent, KinesisTables } from "@holdfast/kinesis";
import { MAX_COMMIT_BYTES } from "../snapshot/plain-subject.js";
import type { StateSubject } from "../snapshot/state-subject.js";
import type { ModulesUnderTest } from "../store-history.js";
import { Violation } from "../violation.js";
import { KinesisModel, NAMES_ARN, textOfContents } from "./kinesis-model.js";

/**
 * The native Kinesis store. Each commit brings what its numbers stand for, and in the same batch a policy with the names and numbers of all
 * events so far: so a state says by itself what has to be in it.
 */
export const kinesisSubject: StateSubject<KinesisTables, KinesisEvent> = {
  open: ({ modules, words, ...ports }) =>
    modules.kinesis.openKinesisStore({
      ...ports,
      prefix: "kinesis",
      snapshot: { keep: 2, everyBytes: words.has("often") ? 1024 : Infinity },
      log: { maxCommitBytes: MAX_COMMIT_BYTES, packObjects: 3, ...(words.has("small") ? { segmentBytes: 16 * 1024 } : {}) },
    }),
  names: (state) => entriesOf(state).map(([name]) => name),
  batch(names, numbers, pending) {
    const before = entriesOf(pending);
    const model = modelOf(before);
    const events = numbers.map((number) => {
      const event = model.eventOf(number);
      model.apply(event);
      return event;
    });
    const entries = [...before, ...names.map((name, index) => [name, numbers[index] ?? 0] as const)];
    return [...events, { kind: "PutPolicy", arn: NAMES_ARN, policy: entries.map(([name, number]) => `${name}:${number}`).join(",") }];
  },
  positionOf: (name, _, shown) => shown.indexOf(name) + 1,
  fits: (seq, shown) => seq >= shown.length,
  refused: { kind: "DeleteStream", name: "nowhere" },
  large: (name, bytes) => ({ kind: "PutPolicy", arn: `large${name}`, policy: "x".repeat(bytes) }),
  check(state, modules: ModulesUnderTest) {
    const [expected, found] = [modelOf(entriesOf(state)).text.split("\n"), textOfContents(modules.kinesis.contentsOf(state)).split("\n")];
    const missing = expected.find((fact) => !found.includes(fact));
    const invented = found.find((fact) => !expected.includes(fact));
    if (missing === undefined && invented === undefined) return;
    throw new Violation("I3", `the state has ${invented ?? "nothing"}, where its events have made ${missing ?? "nothing"}`);
  },
};

/** Names and numbers of a state's events. */
function entriesOf({ policies }: KinesisTables): readonly (readonly [name: number, number: number])[] {
  const text = policies.get(NAMES_ARN) ?? "";
  if (text === "") return [];
  return text.split(",").map((entry) => {
    const [name, number] = entry.split(":");
    return [Number(name), Number(number)];
  });
}

function modelOf(entries: readonly (readonly [name: number, number: number])[]): KinesisModel {
  const model = new KinesisModel();
  for (const [, number] of entries) model.apply(model.eventOf(number));
  return model;
}
