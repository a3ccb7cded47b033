import { defineConfig } from "vitest/config";

/** The tests of the house: `vitest run --root test`. Not at the root of the repository, where every package would find it. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "house", include: ["*.test.ts"] } },
      {
        // What is published, as somebody else has it: packed and installed once, for all tests of the folder.
        test: { name: "packed", include: ["packed/*.test.ts"], globalSetup: ["packed/consumer.ts"], testTimeout: 60_000 },
      },
    ],
  },
});
