// @vitest-environment node
import { describe, expect, it } from "vitest";
import { withoutKeys } from "./without-keys.mjs";

describe("a deployed manifest", () => {
  it("contains no generated key", () => {
    const preview = { previewModeId: "a1", previewModeSigningKey: "b2", previewModeEncryptionKey: "c3" };
    expect(JSON.parse(withoutKeys(JSON.stringify({ version: 4, preview }, null, 2)))).toEqual({
      version: 4,
      preview: { previewModeId: false, previewModeSigningKey: false, previewModeEncryptionKey: false },
    });
  });

  it("contains no generated key within JavaScript", () => {
    const json = JSON.stringify({ node: {}, encryptionKey: "/3V0+=" });
    expect(withoutKeys(`self.__MANIFEST=${JSON.stringify(json)}`)).toBe(
      String.raw`self.__MANIFEST="{\"node\":{},\"encryptionKey\":false}"`,
    );
  });

  it("keeps everything else", () => {
    const manifest = '{"routes":{"/":{"initialRevalidateSeconds":false}}}';
    expect(withoutKeys(manifest)).toBe(manifest);
  });
});
