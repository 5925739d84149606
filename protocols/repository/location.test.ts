import assert from "node:assert/strict";
import { it } from "node:test";
import { isContainerLocation, parseContainerLocation, repositoryId } from "./location.ts";

it("reads host-style and path-style locations", () => {
  const cases: [string, object][] = [
    [
      "https://acct.blob.core.windows.net/models",
      {
        account: "acct",
        endpoint: "https://acct.blob.core.windows.net",
        container: "models",
        prefix: "",
      },
    ],
    [
      "https://acct.blob.core.chinacloudapi.cn/models/team/a/",
      {
        account: "acct",
        endpoint: "https://acct.blob.core.chinacloudapi.cn",
        container: "models",
        prefix: "team/a/",
      },
    ],
    [
      "http://127.0.0.1:10000/devstoreaccount1/models/a%20b",
      {
        account: "devstoreaccount1",
        endpoint: "http://127.0.0.1:10000/devstoreaccount1",
        container: "models",
        prefix: "a b/",
      },
    ],
  ];
  for (const [location, expected] of cases) {
    assert.deepEqual(parseContainerLocation(location), expected);
  }
});

it("refuses what it cannot use, and never shows what could be a secret", () => {
  const cases: [string, RegExp][] = [
    ["https://", /is not a URL/],
    ["https://acct.blob.core.windows.net/", /names no container/],
    ["http://127.0.0.1:10000/devstoreaccount1", /names no container/],
    ["http://acct.blob.core.windows.net/models", /must be reached over https/],
    ["https://acct.blob.core.windows.net/models?sv=1&sig=SECRET", /must hold no credentials/],
    ["https://me:SECRET@acct.blob.core.windows.net/models", /must hold no credentials/],
    ["https://acct.blob.core.windows.net/%", /broken %-escape/],
  ];
  for (const [location, message] of cases) {
    assert.throws(
      () => parseContainerLocation(location),
      (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.message.includes("SECRET"));
        return error.name === "LocationError";
      },
    );
  }
});

it("gives one id to the spellings of one repository", () => {
  const id = repositoryId("https://acct.blob.core.windows.net/models/a");
  assert.equal(repositoryId("https://ACCT.blob.core.windows.net/models/a/"), id);
  assert.notEqual(repositoryId("https://acct.blob.core.windows.net/models/b"), id);
  assert.equal(repositoryId("/srv/models"), repositoryId("./models"));
  assert.equal(isContainerLocation("./models"), false);
});
