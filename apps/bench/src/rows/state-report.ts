import { lastReport } from "../child.js";

/** Runs one of the workers of the state store to its end, and answers the three numbers that it reports. */
export async function stateReport(worker: URL, args: readonly string[]): Promise<readonly [number, number, number]> {
  const line = await lastReport(worker, args);
  const [first, second, third, ...rest] = line.split(" ").map(Number);
  if (first === undefined || second === undefined || third === undefined || rest.length > 0 || !Number.isFinite(first + second + third)) {
    throw new Error("The child process reported something that is not understood.");
  }
  return [first, second, third];
}
