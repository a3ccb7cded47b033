import { s3Backend } from "../../dist/index.js";

/** How the conformance suite opens the contents in other processes: over the built package, as users do. */
export const open = async (argument) => s3Backend(JSON.parse(argument));
