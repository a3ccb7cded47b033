import { explore, type ExplorationReport } from "./explore.js";
import type { Counts, ModulesUnderTest, Profile, StoreHistory } from "./store-history.js";

/** What is explored, and how much of it. */
export interface CampaignOptions {
  readonly modules: ModulesUnderTest;
  readonly histories: readonly StoreHistory[];
  /** With their parts of the budget, which together are 1. */
  readonly profiles: readonly (readonly [profile: Profile, part: number])[];
  readonly seed: number;
  /** Of each store. Without any bound it goes on until a violation. */
  readonly budget: { readonly runs?: number | undefined; readonly states?: number | undefined; readonly milliseconds?: number | undefined };
  readonly onProgress?: ((progress: CampaignProgress) => void) | undefined;
}

/** How far a part of a campaign is. */
export interface CampaignProgress {
  readonly store: string;
  readonly profile: Profile;
  readonly states: number;
  readonly milliseconds: number;
}

/** One store under one profile. */
export interface CampaignPart extends ExplorationReport {
  /** Milliseconds that processors worked for it, which is less than the time where the machine has other things to do, and more where it collects garbage beside. */
  readonly cpuMilliseconds: number;
}

/** Mostly the weakest disk: what survives it survives the others, but for what their order and their caches alone can show. */
export const ALL_PROFILES: readonly (readonly [profile: Profile, part: number])[] = [
  ["posix", 0.8],
  ["ordered", 0.1],
  ["kill", 0.1],
];

/** Explores store after store, profile after profile. A store's first violation ends what is done with that store. */
export async function runCampaign({ modules, histories, profiles, seed, budget, onProgress }: CampaignOptions): Promise<readonly CampaignPart[]> {
  const parts: CampaignPart[] = [];
  for (const history of histories) {
    for (const [profile, part] of profiles) {
      const before = process.cpuUsage();
      const report = await explore(history, {
        modules,
        profile,
        seed,
        budget: { runs: atLeastOne(budget.runs, part), states: atLeastOne(budget.states, part), milliseconds: share(budget.milliseconds, part) },
        onProgress: ({ states, milliseconds }) => onProgress?.({ store: history.name, profile, states, milliseconds }),
      });
      const { user, system } = process.cpuUsage(before);
      parts.push({ ...report, cpuMilliseconds: (user + system) / 1000 });
      if (report.violation !== undefined) break;
    }
  }
  return parts;
}

/** Sums of counts. */
export function sumOf(all: readonly Counts[]): Counts {
  const sum = new Map<string, number>();
  for (const counts of all) for (const [key, count] of counts) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}

function share(whole: number | undefined, part: number): number | undefined {
  return whole === undefined ? undefined : whole * part;
}

function atLeastOne(whole: number | undefined, part: number): number | undefined {
  return whole === undefined ? undefined : Math.max(1, Math.round(whole * part));
}
