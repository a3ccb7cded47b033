// Programs for tests: found on this machine, or installed into a directory of their own.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of a command, if there is one. */
export function onPath(name) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Installs a program of a Go module, "path@version", into a folder, by Go's module installer. @returns Why that failed, or nothing. */
export function goInstall(module, folder, budgetMs) {
  return ran("go", ["install", module], { env: { GOBIN: folder }, budgetMs });
}

/**
 * Runs an installer in a process group of its own: what it has started ends with it, when the time is over or this process ends.
 *
 * @returns Why it failed, or nothing.
 */
export function ran(command, args, { env = {}, cwd, budgetMs }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"], detached: true });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => { said = (said + text).slice(-4_000); });
    const kill = () => {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch (error) {
        if (error.code !== "ESRCH") throw error;
      }
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, Math.max(1, Math.round(budgetMs)));
    process.once("exit", kill);
    const end = (why) => {
      clearTimeout(timer);
      process.removeListener("exit", kill);
      resolve(why);
    };
    child.once("error", (error) => { end(error.code === "ENOENT" ? `${command} is not installed` : `${command} failed: ${error.message}`); });
    child.once("close", (status) => {
      if (isLate) end(`${command} did not finish within ${Math.round(budgetMs / 1000)} s`);
      else end(status === 0 ? undefined : `${command} failed: ${said.trim().split("\n").at(-1)}`);
    });
  });
}
