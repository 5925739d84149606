import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { applySettings, keysOf, parseSettingsFile } from "./settings-file.ts";
import type { TunedKey } from "./tuned-settings.ts";

const FOUND = new Map<TunedKey, number>([
  ["threads", 2],
  ["maxBatchRows", 16],
]);
const COMMENT = ["measured on Monday", "with care"];

describe("settings in server.yaml", () => {
  test("replace the values of their keys and nothing else", () => {
    const before = `# my server
host: 127.0.0.1 # here

# as many as the doctor said
threads: 8 # since May
maxQueue: 100
captureExclude:
  - password
maxBatchRows: 64
# the end
`;
    assert.equal(
      applySettings(before, FOUND, COMMENT),
      `# my server
host: 127.0.0.1 # here

# as many as the doctor said
# sluice tune: measured on Monday
# sluice tune: with care
threads: 2 # since May
maxQueue: 100
captureExclude:
  - password
maxBatchRows: 16

# the end
`,
    );
  });

  test("are added to a file that has none of them, one that is empty, and one of comments", () => {
    const block =
      "# sluice tune: measured on Monday\n# sluice tune: with care\nthreads: 2\nmaxBatchRows: 16\n";
    assert.equal(applySettings("", FOUND, COMMENT), block);
    assert.equal(applySettings("host: ::1\n", FOUND, COMMENT), `host: ::1\n${block}`);
    assert.equal(applySettings("# mine\n", FOUND, COMMENT), `# mine\n\n${block}`);
  });

  for (const before of ["", "# mine\n\nhost: ::1\n", "# mine\nthreads: 1\nhost: ::1\n"]) {
    test(`written again, replace the comment of the last time: ${JSON.stringify(before)}`, () => {
      const first = applySettings(before, FOUND, ["old"]);
      const second = applySettings(first, FOUND, ["new"]);
      assert.equal(second, first.replace("# sluice tune: old", "# sluice tune: new"));
      const fewer = applySettings(first, new Map([["maxBatchRows", 4]]), ["later"]);
      assert.ok(!fewer.includes("old"));
      assert.match(fewer, /threads: 2\n(.*\n)*# sluice tune: later\nmaxBatchRows: 4\n/);
      assert.equal(fewer.includes("# mine"), before.includes("# mine"));
    });
  }

  test("keys without a value are not set", () => {
    assert.deepEqual(keysOf("threads: 2\nengine:\nhost: ::1\n"), ["threads", "host"]);
    assert.deepEqual(keysOf(""), []);
  });

  test("a file that is not settings is refused", () => {
    assert.throws(() => parseSettingsFile("- 1\n"), /expected 'key: value' lines/);
    assert.throws(() => parseSettingsFile("a: [1\n"), /expected YAML/);
    assert.throws(() => parseSettingsFile("a: 1\na: 2\n"), /expected YAML/);
  });
});
