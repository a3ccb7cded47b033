import { InvalidArgumentError, type Command } from "commander";

/** Adds the command that shows that the lab notices broken code. Its code is loaded when it is called. */
export function addCanariesCommand(program: Command): void {
  program
    .command("canaries")
    .description("breaks the code on purpose, one rule at a time, and checks that the simulated disk shows each break")
    .option("--only <text>", "only canaries whose names contain this", text)
    .option("--json <file>", "write the result to this file as well")
    .action(async (options: { readonly only?: string; readonly json?: string }) => {
      const { runCanaries } = await import("./run.js");
      process.exitCode = await runCanaries(options);
    });
}

function text(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("A part of a name.");
  return value;
}
