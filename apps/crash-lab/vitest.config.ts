import { defineConfig, mergeConfig } from "vitest/config";
import everywhere from "../../vitest.config.js";

/** As everywhere, but on every processor: this app is built last, so its tests run when nothing else is left to run beside them. */
export default mergeConfig(everywhere, defineConfig({ test: { maxWorkers: "100%" } }));
