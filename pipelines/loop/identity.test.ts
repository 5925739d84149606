import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DirectoryStore } from "../publish/directory-store.ts";
import { assertIdentity, noteIdentity } from "./identity.ts";
import { loadedProject, openStoreHome, type StoreHome } from "./testing/store-kit.ts";

describe("whose home it is", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const shop = loadedProject({ project: "shop" });
  const bank = loadedProject({ project: "bank" });
  const here = new DirectoryStore("/here");
  const there = new DirectoryStore("/there");

  it("is the first project's and the first repository's for good", async () => {
    await assertIdentity(at.store, bank, there);
    await noteIdentity(at.store, shop, here);
    await noteIdentity(at.store, shop, here);
    const other = { name: "IdentityError" };
    await assert.rejects(noteIdentity(at.store, bank, here), {
      ...other,
      message: /of project 'shop', came 'bank'; .+--home/,
    });
    await assert.rejects(assertIdentity(at.store, shop, there), {
      ...other,
      message: /model repository \/here, came \/there/,
    });
    await assertIdentity(at.store, shop, here);
  });
});
