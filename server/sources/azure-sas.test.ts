import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { openContainer } from "../../protocols/repository/azure-container.ts";
import { readSecrets } from "../config/secrets.ts";
import { type Azurite, startAzurite } from "../testing/azurite.ts";
import { AzureBlobReader } from "./azure-blob-reader.ts";

const never = new AbortController().signal;

describe("a SAS", () => {
  let azurite: Azurite;
  let root = "";
  before(async () => {
    root = mkdtempSync(join(tmpdir(), "sluice-sas-"));
    azurite = await startAzurite();
    const credentials = {
      kind: "connection-string",
      connectionString: azurite.connectionString,
    } as const;
    const { client } = await openContainer(`${azurite.url}/models`, credentials);
    await client.create();
    await client.getBlockBlobClient("index.json").uploadData(Buffer.from("{}"));
  });
  after(async () => {
    await azurite.close();
    rmSync(root, { recursive: true, force: true });
  });

  const sas = (rights: string, expiresInMs: number) => {
    const credential = new StorageSharedKeyCredential("devstoreaccount1", azurite.accountKey);
    const values = {
      containerName: "models",
      permissions: ContainerSASPermissions.parse(rights),
      startsOn: new Date(Date.now() - 3_600_000),
      expiresOn: new Date(Date.now() + expiresInMs),
    };
    return generateBlobSASQueryParameters(values, credential).toString();
  };
  const read = (reader: AzureBlobReader) => reader.readIfChanged("index.json", null, 1000, never);

  it("in a file is read again when it rotates; what is wrong with one is said", async () => {
    const file = join(root, "sas");
    writeFileSync(file, `?${sas("rl", 60_000)}\n`);
    const { azure } = readSecrets({ AZURE_STORAGE_SAS_TOKEN_FILE: file });
    const reader = new AzureBlobReader(`${azurite.url}/models`, azure);
    assert.ok(await read(reader));
    writeFileSync(file, sas("rl", -60_000));
    await assert.rejects(read(reader), /HTTP 403 .*; the SAS expired at 20\d\d-/);
    writeFileSync(file, sas("w", 60_000));
    await assert.rejects(read(reader), (error: Error) => {
      assert.match(error.message, /the SAS has the rights 'w', not r \(read\)$/);
      assert.doesNotMatch(error.message, /sig=/);
      return true;
    });
    // Replaced by half, or gone for a moment: the one before is used on.
    writeFileSync(file, sas("rl", 60_000));
    assert.ok(await read(reader));
    rmSync(file);
    assert.ok(await read(reader));
  });

  it("from the environment stays what it was", () => {
    const { azure } = readSecrets({ AZURE_STORAGE_SAS_TOKEN: "?sv=1&sig=x" });
    assert.deepEqual(azure, { kind: "sas", sasToken: "sv=1&sig=x", reread: null });
  });
});
