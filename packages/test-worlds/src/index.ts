export { delegate } from "./delegate.js";
export { freePath } from "./free-path.js";
export { inSteps, type Steps } from "./in-steps.js";
export { places, type Place } from "./places.js";
export { isThorough, runs } from "./runs.js";
export { simulatedBucket, simulatedDirectory, simulatedPorts, type SimulatedPorts } from "./simulated.js";
export { storages } from "./storages.js";
export { driven, worlds, type World } from "./worlds.js";
