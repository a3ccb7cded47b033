import tseslint from "typescript-eslint";

/**
 * The layers: a package's source may import only the Holdfast packages named here. Siblings do not know each other except where
 * a name stands. Keep it equal to the picture in ARCHITECTURE.md; test/layers.test.ts compares it with the package.json files.
 */
export const layers = {
  bytes: [],
  storage: [],
  "storage-fs": ["storage"],
  "storage-s3": ["bytes", "storage"],
  "storage-conformance": ["storage"],
  "storage-sim": ["bytes", "storage"],
  // Private: what the tests of every store run on.
  "test-worlds": ["storage", "storage-fs", "storage-s3", "storage-sim"],
  wal: ["bytes", "storage"],
  snapshot: ["bytes", "storage", "wal"],
  checkpoint: ["bytes", "storage", "wal"],
  replica: ["bytes", "snapshot", "storage", "wal"],
  // Its directory format is foreign, so it opens directories itself.
  kinesis: ["bytes", "snapshot", "storage", "storage-fs", "wal"],
  // Of storage-fs only for directories in a foreign format, as above.
  runtime: ["bytes", "storage", "storage-fs", "wal"],
};

const ambient = [
  { object: "Date", property: "now", message: "Take a Clock as a parameter." },
  { object: "Math", property: "random", message: "Take a RandomSource as a parameter." },
  { object: "performance", property: "now", message: "Take a Clock as a parameter." },
  { object: "crypto", property: "randomUUID", message: "Take a RandomSource as a parameter." },
  { object: "crypto", property: "getRandomValues", message: "Take a RandomSource as a parameter." },
  { object: "process", property: "hrtime", message: "Take a Clock as a parameter." },
];

const ambientGlobals = ["setTimeout", "setInterval", "setImmediate", "performance"].map((name) => ({
  name,
  message: "Packages take a Clock as a parameter.",
}));

const housed = [{ selector: "ExportDefaultDeclaration", message: "Named exports only." }];

/** The ways around the names above, and around the layers. */
const roundabout = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "Take a Clock as a parameter." },
  { selector: "CallExpression[callee.name='Date']", message: "Take a Clock as a parameter." },
  { selector: "MemberExpression[object.name='AbortSignal'][property.name='timeout']", message: "Take a Clock as a parameter." },
  {
    selector: "MemberExpression[object.name='globalThis'][property.name=/^(Date|Math|crypto|performance|setTimeout|setInterval|setImmediate)$/]",
    message: "Take a Clock or a RandomSource as a parameter.",
  },
  { selector: "ImportDeclaration[source.value=/^(node:)?(timers|timers.promises|perf_hooks)$/]", message: "Take a Clock as a parameter." },
  {
    selector: "ImportDeclaration[source.value=/^(node:)?crypto$/] > ImportSpecifier[imported.name=/^(random|getRandomValues|webcrypto|generate)/]",
    message: "Take a RandomSource as a parameter.",
  },
  {
    selector: "ImportDeclaration[source.value=/^(node:)?crypto$/] > :matches(ImportNamespaceSpecifier, ImportDefaultSpecifier)",
    message: "Import what is needed of node:crypto by name; chance is a parameter.",
  },
  { selector: "ImportExpression[source.value=/^@holdfast/]", message: "Import packages at the top, where the layers are held." },
];

const layerRules = Object.entries(layers).map(([name, allowed]) => ({
  files: [`packages/${name}/src/**/*.ts`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          {
            regex: `^@holdfast/(?!(?:${[...allowed, "-"].join("|")})(?:/|$))`,
            message: `packages/${name} may import only: ${allowed.map((it) => `@holdfast/${it}`).join(", ") || "no other package"}.`,
          },
          { regex: "^(\\.\\./){2,}", message: "Stay inside the package's src." },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ["**/dist/**", "**/node_modules/**", "**/.turbo/**", "**/.scratch/**", "**/test/vectors/**"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-floating-promises": ["error", { checkThenables: true }],
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: "only-allowed-literals" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      eqeqeq: "error",
      "no-restricted-syntax": ["error", ...housed],
    },
  },
  {
    files: ["packages/*/src/**/*.ts"],
    rules: {
      "no-restricted-properties": ["error", ...ambient],
      "no-restricted-globals": ["error", ...ambientGlobals],
      "no-restricted-syntax": ["error", ...housed, ...roundabout],
      "no-console": "error",
    },
  },
  {
    // The one place with an ambient clock and chance: the defaults of every parameter.
    files: ["packages/storage/src/system.ts"],
    rules: { "no-restricted-properties": "off", "no-restricted-globals": "off", "no-restricted-syntax": ["error", ...housed] },
  },
  {
    // Lets the process take a turn: the simulated time stands still meanwhile.
    files: ["packages/storage-sim/src/clock.ts"],
    rules: { "no-restricted-syntax": ["error", ...housed] },
  },
  ...layerRules,
  {
    // Pure: bytes in, values out. No I/O, no clock, no waiting.
    files: ["packages/*/src/format/**/*.ts", "packages/bytes/src/**/*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        ...housed,
        ...roundabout,
        { selector: "AwaitExpression", message: "format/ is synchronous." },
        { selector: ":function[async=true]", message: "format/ is synchronous." },
        {
          selector: ":matches(ImportDeclaration, ImportExpression, ExportAllDeclaration, ExportNamedDeclaration)[source.value=/^[^.@]/]",
          message: "format/ is pure: no modules of Node.",
        },
      ],
    },
  },
  {
    files: ["**/test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: ["**/*.js", "**/*.config.ts"],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    files: ["**/*.config.js", "**/*.config.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
);
