import type { Command } from "commander";

import { outputFile } from "../../../../scripts/command-line.js";

/** Adds the command that shows that the lab notices broken code. Its code is loaded when it is called. */
export function addCanariesCommand(program: Command): void {
  program
    .command("canaries")
    .description("breaks the code on purpose, one rule at a time, and checks that the simulated disk shows each break")
    .option("--only <text>", "only canaries whose names contain this")
    .option("--json <file>", "write the result to this file as well", outputFile("--json"))
    .action(async (options: { readonly only?: string; readonly json?: string }) => {
      const { runCanaries } = await import("./run.js");
      process.exitCode = await runCanaries(options);
    });
}
