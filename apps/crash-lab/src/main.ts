#!/usr/bin/env node
import { Command } from "commander";

import { addCanariesCommand } from "./canaries/command.js";
import { addRealCommands } from "./real/commands.js";
import { RefusedError } from "./refused.js";
import { addSimulatedCommands } from "./simulated/commands.js";

const program: Command = new Command("crash-lab")
  .description("Breaks storage on command, and checks that every store survives it. Exit code 0: nothing was violated (skips are shown); 1: something was; 2: refused to run.")
  .showHelpAfterError()
  // Options that are wrong are a refusal too, and no violation.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
addCanariesCommand(program);
addSimulatedCommands(program);
addRealCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof RefusedError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
