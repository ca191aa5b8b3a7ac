/**
 * Two rules protect the structure: features do not import each other (only the workspace composes them), and no value
 * is read from the environment at build time (one build serves every environment).
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { defineConfig, globalIgnores } from "eslint/config";
import nextCoreWebVitals from "eslint-config-next/core-web-vitals";
import nextTypeScript from "eslint-config-next/typescript";

const root = import.meta.dirname;

const featureZones = readdirSync(path.join(root, "features"))
  .filter((feature) => feature !== "workspace")
  .map((feature) => ({
    target: `./features/${feature}`,
    from: "./features",
    except: [`./${feature}`],
    message:
      "A feature does not import another: move shared code to lib/, or compose them in features/workspace/.",
  }));

const importZones = [
  ...featureZones,
  { target: "./features", from: "./app", message: "Imports run one way: app → features → components, lib." },
  {
    target: "./components",
    from: ["./app", "./features"],
    message: "A UI primitive knows no page and no feature.",
  },
  {
    target: "./lib",
    from: ["./app", "./features", "./components"],
    message: "lib/ imports nothing from here.",
  },
  {
    target: "./{app,features,components,lib}/**/!(*.test).{ts,tsx}",
    from: "./testing",
    message: "testing/ is for tests only: the image does not contain it.",
  },
];

export default defineConfig([
  globalIgnores([".next/**", "out/**", "next-env.d.ts"]),
  ...nextCoreWebVitals,
  ...nextTypeScript,
  {
    rules: {
      "import/no-restricted-paths": ["error", { basePath: root, zones: importZones }],
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
            "The build would contain this value. Read it at run time on the server: lib/server/environment.",
        },
        {
          selector:
            "VariableDeclarator[init.object.name='process'][init.property.name='env'] > ObjectPattern > " +
            "Property[key.name=/^NEXT_PUBLIC_/]",
          message:
            "The build would contain this value. Read it at run time on the server: lib/server/environment.",
        },
      ],
    },
  },
  {
    // Next.js and the tools load these by their default export.
    files: ["app/**/{page,layout,error,global-error,not-found}.tsx", "*.config.{ts,mjs}"],
    rules: { "import/no-default-export": "off" },
  },
  {
    files: ["scripts/**"],
    rules: { "no-console": "off" },
  },
]);
