/** A child that does drawn steps on a real file system, and tells when each begins and when it was answered. */
import { writeSync } from "node:fs";

import { nodeFsPort } from "@holdfast/storage-fs";

import { REPORT_DESCRIPTOR } from "../child.js";
import { ownOptions } from "../work/child-options.js";
import { machineTimeMs } from "../work/claims.js";
import { doStep, drawSteps } from "./port-steps.js";

const { root, seed, maxBytes: count } = ownOptions();
for (const [index, step] of drawSteps(seed, count).entries()) {
  tell("begins", index);
  await doStep(nodeFsPort, root, step);
  tell("answered", index);
}

function tell(what: string, index: number): void {
  writeSync(REPORT_DESCRIPTOR, `${what} ${index} ${machineTimeMs()}\n`);
}
