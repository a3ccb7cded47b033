/** The program was asked for something that it does not do, and says why. Ends it with code 2 and without a stack. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}
