#!/usr/bin/env node
import { Command } from "commander";

import { addCanariesCommand } from "./canaries/command.js";
import { addRealCommands } from "./real/commands.js";
import { addSimulatedCommands } from "./simulated/commands.js";
import { endOnSignals, EXIT_CODES, exitAsCommanderSays, runProgram } from "../../../scripts/command-line.js";

const program: Command = new Command("crash-lab")
  .description("Breaks storage on command, and checks that every store survives it.")
  .addHelpText("afterAll", `\n${EXIT_CODES} What this machine cannot do is shown as skipped, which is no failure.`)
  .showHelpAfterError()
  .exitOverride(exitAsCommanderSays);
addCanariesCommand(program);
addSimulatedCommands(program);
addRealCommands(program);

endOnSignals();
await runProgram(async () => {
  await program.parseAsync();
  return Number(process.exitCode ?? 0);
});
