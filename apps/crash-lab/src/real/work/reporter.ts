import { readSync, writeSync } from "node:fs";

import { isHoldfastError } from "@holdfast/storage";

import { REPORT_DESCRIPTOR } from "../child.js";
import { formatClaim, machineTimeMs, type Attempt, type Claim } from "./claims.js";

/** How an attempt ended. */
export type AttemptEnd = "acknowledged" | "not_applied" | "unknown" | "wrong";

/** A working child's voice: claims go out synchronously, before anything else happens. */
export interface Reporter {
  say(claim: Claim): void;
  /**
   * Claims that a write begins, asks for it, and claims how it was answered.
   *
   * @param write - Is given the token, which says which bytes to write.
   */
  attempt(attempt: Attempt, write: (token: number) => Promise<void>): Promise<AttemptEnd>;
  /** Runs something that is no write. Answers what it answers, or `undefined` after an error, which is claimed. */
  run<T>(operation: string, action: () => Promise<T>): Promise<T | undefined>;
}

/** @param firstToken - Tokens count up from here; no other child has any of them. */
export function createReporter(firstToken: number): Reporter {
  let nextToken = firstToken;
  const say = (claim: Claim): void => {
    writeSync(REPORT_DESCRIPTOR, formatClaim(claim, machineTimeMs()));
  };
  return {
    say,
    attempt: async (attempt, write) => {
      const token = nextToken++;
      say({ is: "begin", token, attempt });
      try {
        await write(token);
      } catch (error) {
        if (!isHoldfastError(error)) {
          say({ is: "wrong", operation: attempt.what, detail: describeError(error) });
          return "wrong";
        }
        say({ is: "refused", token, code: error.code, outcome: error.outcome });
        return error.outcome ?? "wrong";
      }
      say({ is: "acknowledged", token });
      return "acknowledged";
    },
    run: async (operation, action) => {
      try {
        return await action();
      } catch (error) {
        if (isHoldfastError(error)) say({ is: "failed", operation, code: error.code });
        else say({ is: "wrong", operation, detail: describeError(error) });
        return undefined;
      }
    },
  };
}

/** Says that everything is loaded, and waits until the parent tells it to go on. Synchronously: nothing else happens meanwhile. */
export function waitForGo(reporter: Reporter): void {
  reporter.say({ is: "ready" });
  readSync(0, new Uint8Array(1));
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
