import { defineConfig } from "vitest/config";

/** How the tests of every package and app run: vitest finds this file from their folders. Those of the house have a configuration of their own. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A process and its modules serve many test files: starting both anew for each costs more than most tests do. So no test file
    // changes what others see, and clean-up hangs on the test (`onTestFinished`), not on a module that is loaded once.
    isolate: false,
    // Built packages are loaded by Node, as users load them, and not transformed again.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
