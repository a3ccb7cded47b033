import { defineConfig } from "vitest/config";

/** The tests of the house. Each package runs its own. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "house", include: ["test/*.test.ts"] } },
      {
        // What is published, as somebody else has it: packed and installed once, for all tests of the folder.
        test: { name: "packed", include: ["test/packed/*.test.ts"], globalSetup: ["test/packed/consumer.ts"], testTimeout: 60_000 },
      },
    ],
  },
});
