import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { type Azurite, startAzurite } from "../../server/testing/azurite.ts";
import { type AzureCredentials, openContainer } from "./azure-container.ts";
import { describeAzureFailure } from "./azure-failure.ts";

describe("openContainer", () => {
  let azurite: Azurite;
  let container: string;
  let location: string;

  before(async () => {
    azurite = await startAzurite();
    container = `models-${randomUUID()}`;
    location = `${azurite.url}/${container}`;
    const { client } = await openContainer(location, connection());
    await client.create();
    await client.getBlockBlobClient("x").uploadData(Buffer.from("x"));
  });
  after(() => azurite.close());

  const connection = (): AzureCredentials => ({
    kind: "connection-string",
    connectionString: azurite.connectionString,
  });
  const sas = (expiresInMs: number) => {
    const credential = new StorageSharedKeyCredential("devstoreaccount1", azurite.accountKey);
    const startsOn = new Date(Date.now() - 3_600_000);
    const expiresOn = new Date(Date.now() + expiresInMs);
    const permissions = ContainerSASPermissions.parse("r");
    const values = { containerName: container, permissions, startsOn, expiresOn };
    return generateBlobSASQueryParameters(values, credential).toString();
  };
  const readX = async (credentials: AzureCredentials) => {
    const { client } = await openContainer(location, credentials);
    const { readableStreamBody } = await client.getBlobClient("x").download();
    return Buffer.concat(await Readable.from(readableStreamBody ?? []).toArray()).toString();
  };

  it("signs in by connection string, key, SAS and a connection string with a SAS", async () => {
    const sasToken = sas(60_000);
    const withSas = `BlobEndpoint=${azurite.url};SharedAccessSignature=${sasToken}`;
    const ways: AzureCredentials[] = [
      connection(),
      { kind: "account-key", accountKey: azurite.accountKey },
      { kind: "sas", sasToken, reread: null },
      { kind: "sas", sasToken: `?${sasToken}`, reread: null },
      { kind: "connection-string", connectionString: withSas },
    ];
    for (const way of ways) assert.equal(await readX(way), "x");
  });

  it("an expired or wrong credential is told by status and code, without the credential", async () => {
    const sasToken = sas(-60_000);
    const wrongKey = Buffer.from("wrong").toString("base64");
    const ways: AzureCredentials[] = [
      { kind: "sas", sasToken, reread: null },
      { kind: "account-key", accountKey: wrongKey },
    ];
    for (const way of ways) {
      await assert.rejects(readX(way), (error) => {
        const { kind, message } = describeAzureFailure(error);
        assert.equal(kind, "denied");
        assert.match(message, /^HTTP 403 \w+: /);
        return true;
      });
    }
  });

  it("refuses a connection string of another account, or none at all, without showing it", async () => {
    const other = azurite.connectionString.replace("AccountName=dev", "AccountName=prod");
    const open = (connectionString: string) =>
      openContainer(location, { kind: "connection-string", connectionString });
    await assert.rejects(open(other), {
      message: /for account 'prodstoreaccount1', the location for 'devstoreaccount1'/,
    });
    await assert.rejects(open("SECRET"), (error: Error) => {
      assert.match(error.message, /cannot be read/);
      return !error.message.includes("SECRET");
    });
  });

  it("opens with the machine's identity without asking for a token yet", async () => {
    const { client } = await openContainer("https://acct.blob.core.windows.net/models/a", {
      kind: "identity",
    });
    assert.equal(client.url, "https://acct.blob.core.windows.net/models");
  });
});

describe("describeAzureFailure", () => {
  it("tells what a status means", () => {
    const kinds = [
      [{ statusCode: 404, code: "BlobNotFound" }, "missing"],
      [{ statusCode: 412, code: "ConditionNotMet" }, "condition"],
      [{ statusCode: 409, code: "BlobAlreadyExists" }, "condition"],
      [{ statusCode: 409, code: "ContainerBeingDeleted" }, "failed"],
      [{ statusCode: 416, code: "InvalidRange" }, "range"],
      [{ name: "AbortError" }, "aborted"],
      [{ code: "ECONNREFUSED" }, "network"],
      [{ statusCode: 503, code: "ServerBusy" }, "busy"],
      [{ statusCode: 403 }, "denied"],
      [{ code: null, name: "RangeError" }, "failed"],
      [null, "failed"],
    ] as const;
    for (const [error, kind] of kinds) assert.equal(describeAzureFailure(error).kind, kind);
  });
});
