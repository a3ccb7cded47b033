import { seededRandom, virtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import { pick, seededDraw, type Draw } from "../draws.js";
import { StateLedger } from "../snapshot/state-ledger.js";
import { StateLife } from "../snapshot/state-life.js";
import type { StateHost, StateLifeParts } from "../snapshot/state-host.js";
import { PROFILES, type HistoryOutcome, type ModulesUnderTest, type Profile, type ReplayOutcome, type StoreHistory } from "../store-history.js";
import { parseSteps } from "../trial.js";
import { Violation } from "../violation.js";
import { AMBIGUOUS_KINDS } from "../wal-objects/fault-mix.js";
import { kinesisSubject } from "./kinesis-subject.js";

/**
 * The native Kinesis store on object storage: processes one after the other, each killed at some request, up to three; then the faults end,
 * what is late arrives, and the last one opens the store, looks at everything and goes on. A crash state is an opening behind a kill.
 */
export const kinesisObjectsHistory: StoreHistory = {
  name: "kinesis-objects",
  async run({ modules, profile, seed, maxStates }) {
    const kills = Math.min(maxStates, MOST_KILLS);
    return (await play({ modules, profile, seed, kills })).outcome;
  },
  async replay(line, modules): Promise<ReplayOutcome> {
    const [, word, seed, kills] = LINE.exec(line) ?? [];
    const profile = PROFILES.find((it) => it === word);
    if (profile === undefined) throw new RangeError(`no line of kinesis-objects: ${JSON.stringify(line)}`);
    const { outcome, traceHash } = await play({ modules, profile, seed: Number(seed), kills: Number(kills) });
    return { traceHash, violation: outcome.violation };
  },
};

const MOST_KILLS = 3;
const LINE = /^\s*kinesis-objects ([a-z]+) (\d{1,13}) ([1-3])\s*$/;
const START_MS = 1_700_000_000_000;

interface Played {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly seed: number;
  readonly kills: number;
}

async function play({ modules, profile, seed, kills }: Played): Promise<{ readonly outcome: HistoryOutcome; readonly traceHash: string }> {
  const draw = seededDraw(seed);
  const clock = virtualClock({ startMs: START_MS });
  const faults = { isOver: profile === "kill" };
  const choose = (label: string, count: number): number => (faults.isOver && label.endsWith("meets a fault") ? 0 : draw(count));
  const chance = profile === "kill" ? undefined : { kinds: AMBIGUOUS_KINDS.filter((it) => profile === "posix" || (it !== "late" && it !== "twice")), outOf: 10, faults: 2 };
  const store = new SimObjectStore({ clock, adversary: { choose }, chance });
  const [operations, crashes] = [new Map<string, number>(), new Map<string, number>()];
  store.observe(({ operation, phase }) => {
    if (phase === "sent") operations.set(operation, (operations.get(operation) ?? 0) + 1);
  });
  let ledger = new StateLedger("honest");
  let randoms = seed * 1000;
  const words = draw(2) === 0 ? ["often"] : [];
  const outcomeOf = (violation?: Violation): HistoryOutcome => ({
    states: kills,
    crashes,
    operations,
    faults: new Map(),
    violation: violation && { invariant: violation.invariant, message: violation.message, line: `kinesis-objects ${profile} ${seed} ${kills}` },
  });
  try {
    for (let depth = 1; depth <= kills + 1; depth++) {
      const isLast = depth > kills;
      if (isLast) {
        faults.isOver = true;
        store.landLate();
      }
      const process = newProcess(store, modules, { clock, random: () => seededRandom((randoms += 1)), diesAfter: isLast ? Infinity : 1 + draw(60) });
      const life: StateLifeParts = {
        modules,
        ledger,
        steps: parseSteps(isLast ? "o u9 s u22 c" : script(draw)),
        options: new Set(words),
        faults: "honest",
        clock,
        isCalm: () => faults.isOver,
        heal: () => undefined,
        random: () => seededRandom((randoms += 1)),
      };
      const living = new StateLife(life, process.host, kinesisSubject).run();
      living.catch(() => undefined); // Of a process that was killed nobody hears.
      await driveClock(clock, Promise.race([living, process.died]));
      process.host.end();
      crashes.set(`kill ${depth}`, (crashes.get(`kill ${depth}`) ?? 0) + (isLast ? 0 : 1));
      ledger = ledger.afterCrash();
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { outcome: outcomeOf(error), traceHash: store.hash };
  }
  return { outcome: outcomeOf(), traceHash: store.hash };
}

function script(draw: Draw): string {
  const words = ["o"];
  const event = (): string => String(draw(draw(6) === 0 ? 4000 : 200));
  while (words.length < 4 + draw(8)) {
    words.push(pick(draw, [`u${event()}`, `u${event()}`, `u${event()},${event()}`, `&u${event()}`, "s", "&s", "c", "r"]));
  }
  return words.join(" ");
}

interface ProcessParts {
  readonly clock: ReturnType<typeof virtualClock>;
  readonly random: () => ReturnType<typeof seededRandom>;
  /** It is killed when it sends the next request. */
  readonly diesAfter: number;
}

function newProcess(store: SimObjectStore, modules: ModulesUnderTest, { clock, random, diesAfter }: ProcessParts): { readonly host: StateHost; readonly died: Promise<void> } {
  let client = store.client();
  let die: () => void = () => undefined;
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  let requests = 0;
  const host: StateHost = {
    open: () =>
      Promise.resolve(
        modules.storageS3.s3Backend({
          bucket: "bucket",
          endpoint: "http://localhost",
          region: "us-east-1",
          credentials: { accessKeyId: "key", secretAccessKey: "secret" },
          clock,
          random: random(),
          port: {
            name: "until it dies",
            request(sent) {
              requests += 1;
              const answer = client.port.request(sent);
              // It is on its way, and may or may not be done.
              if (requests > diesAfter) {
                client.kill();
                die();
              }
              return answer;
            },
            close: () => Promise.resolve(),
          },
        }),
      ),
    end() {
      client.kill();
      client = store.client();
    },
    spoil: () => false,
  };
  return { host, died };
}
