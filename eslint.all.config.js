import eachPackage from "./eslint.config.js";

/**
 * The same rules, with the types of everything in one program: half the work of a program for each package, which parse the same
 * declarations and find out the same types again.
 */
export default [
  ...eachPackage,
  {
    files: ["**/*.ts"],
    ignores: ["**/*.config.ts"],
    languageOptions: { parserOptions: { projectService: false, project: "./tsconfig.all.json" } },
  },
];
