import { byteScenes } from "./directed-bytes.js";
import { fileScenes } from "./directed-files.js";
import type { Scene } from "./directed-history.js";
import { harmScenes } from "./directed-harm.js";
import { objectLogScenes } from "./directed-object-log.js";
import { objectScenes } from "./directed-objects.js";
import { recoveryScenes } from "./directed-recovery.js";
import { rotationScenes } from "./directed-rotation.js";
import { smallHeadScenes } from "./directed-small-head.js";
import { tornScenes } from "./directed-torn.js";
import { trimScenes } from "./directed-trim.js";

/** Every scene, each under a name of its own. */
export const SCENES: readonly Scene[] = [...tornScenes, ...recoveryScenes, ...rotationScenes, ...trimScenes, ...smallHeadScenes, ...harmScenes, ...byteScenes, ...objectScenes, ...objectLogScenes, ...fileScenes];
