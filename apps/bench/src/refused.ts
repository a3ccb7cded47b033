/** The program will not do what it was asked to, and the message says why in the user's words. Exit code 2. */
export class RefusedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RefusedError";
  }
}
