/**
 * Lets `next dev` run on sources that belong to somebody else, as mounted ones do. At its start it writes
 * next-env.d.ts, which editors read and no server; where it cannot, it would never answer a request.
 */
import { promises } from "node:fs";
import path from "node:path";

const { writeFile } = promises;

promises.writeFile = async (file, ...rest) => {
  try {
    await writeFile(file, ...rest);
  } catch (error) {
    const isForeign = error.code === "EACCES" || error.code === "EROFS";
    if (!isForeign || path.basename(String(file)) !== "next-env.d.ts") throw error;
  }
};
