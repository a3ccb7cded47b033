import type { RandomSource } from "@holdfast/storage/ports";
import { invalidArgument } from "./errors.js";

/** Characters of a generation's name. */
const GENERATION_NAME_LENGTH = 16;

/** Whether `text` names a generation: exactly sixteen characters of `0-9 a-f`. */
export function isGenerationName(text: string): boolean {
  return text.length === GENERATION_NAME_LENGTH && /^[0-9a-f]+$/.test(text);
}

/** A new generation's name: 64 random bits. */
export function newGenerationName(random: RandomSource): string {
  return Array.from(random.bytes(GENERATION_NAME_LENGTH / 2), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Answers `generation` if it names one. @throws REPLICA_INVALID_ARGUMENT. */
export function requireGeneration(operation: string, generation: string): string {
  if (isGenerationName(generation)) return generation;
  const message = generation === "" ? "generation required" : `${JSON.stringify(generation)} names no generation; it must be 16 of 0-9 a-f`;
  throw invalidArgument(operation, message);
}
