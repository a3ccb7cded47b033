/** The part of WebAssembly that is used here. TypeScript declares it only together with all of a browser. */
declare namespace WebAssembly {
  const Module: new (bytes: Uint8Array) => object;
  const Memory: new (limits: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  const Instance: new (module: object, imports: Readonly<Record<string, Readonly<Record<string, object>>>>) => {
    readonly exports: Readonly<Record<string, ((...numbers: readonly number[]) => void) | undefined>>;
  };
}
