import { formatChoices, recording, type Adversary } from "./adversary.js";

/**
 * A run that failed, with the choices that repeat it: `recordedAdversary(error.choices)`. The message begins with them as
 * {@link formatChoices} writes them; `cause` is what the run threw.
 */
export class FailedRunError extends Error {
  readonly choices: readonly number[];

  constructor(choices: readonly number[], cause: unknown) {
    super(`choices ${formatChoices(choices)}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "FailedRunError";
    this.choices = choices;
  }
}

/** Runs once. @throws {@link FailedRunError} if the run throws. */
export async function attempt(run: (adversary: Adversary) => Promise<void> | void, adversary: Adversary): Promise<void> {
  const recorded = recording(adversary);
  try {
    await run(recorded);
  } catch (error) {
    throw new FailedRunError(
      recorded.made.map(({ chosen }) => chosen),
      error,
    );
  }
}
