/**
 * Two rules hold the structure: features do not import one another (the app composes them), and no value is
 * read from the environment at build time (one build serves every environment).
 */
import { defineConfig, globalIgnores } from "eslint/config";
import nextCoreWebVitals from "eslint-config-next/core-web-vitals";
import nextTypeScript from "eslint-config-next/typescript";

const features = ["accounts", "tasks", "chat"];

const importZones = [
  ...features.map((feature) => ({
    target: `./features/${feature}`,
    from: "./features",
    except: [`./${feature}`],
    message: "A feature does not import another: put what they share in lib/, or compose them in app/.",
  })),
  { target: "./features", from: "./app", message: "Imports run one way: app → features → components, lib." },
  { target: "./components", from: "./app", message: "A primitive knows no page." },
  { target: "./components", from: "./features", message: "A primitive knows no feature." },
  {
    target: "./lib",
    from: ["./app", "./features", "./components"],
    message: "lib/ depends on nothing here.",
  },
];

export default defineConfig([
  globalIgnores([".next/**", "out/**", "next-env.d.ts"]),
  ...nextCoreWebVitals,
  ...nextTypeScript,
  {
    rules: {
      "import/no-restricted-paths": ["error", { basePath: import.meta.dirname, zones: importZones }],
      "import/no-cycle": "error",
      "import/no-default-export": "error",
      "no-console": "error",
      eqeqeq: "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "MemberExpression[object.object.name='process'][object.property.name='env']" +
            ":matches([property.name=/^NEXT_PUBLIC_/], [property.value=/^NEXT_PUBLIC_/])",
          message:
            "This would be baked into the build. Read it at run time on the server: lib/server/environment.",
        },
        {
          selector:
            "VariableDeclarator[init.object.name='process'][init.property.name='env'] > ObjectPattern > " +
            "Property[key.name=/^NEXT_PUBLIC_/]",
          message:
            "This would be baked into the build. Read it at run time on the server: lib/server/environment.",
        },
      ],
    },
  },
  {
    // What Next and the tools load by their default export.
    files: ["app/**/{page,layout,error,global-error,not-found}.tsx", "*.config.{ts,mjs}"],
    rules: { "import/no-default-export": "off" },
  },
  {
    files: ["scripts/**"],
    rules: { "no-console": "off" },
  },
]);
