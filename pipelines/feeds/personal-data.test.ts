import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findPersonalData, passesLuhn, passesMod97 } from "./personal-data.ts";

const FOUND: readonly (readonly [string, readonly string[]])[] = [
  ["e-mail address", ["ann@example.org", "b.c+d@mail.example.co.uk", "write to eve@example.com."]],
  ["phone number", ["+49 151 1234 5678", "+1 (202) 555-0143", "call +442071838750 now"]],
  ["credit card number", ["4111 1111 1111 1111", "5500-0055-5555-5559", "378282246310005"]],
  ["credit card number", ["4111111111111111", "4012888888881881", "30569309025904"]],
  [
    "IBAN",
    ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR1420041010050500013M02606"],
  ],
  ["IP address", ["203.0.113.7", "192.168.1.44:8080", "10.20.30.40/24"]],
  ["IP address", ["2001:db8::1", "fe80::1ff:fe23:4567:890a", "2001:0db8:0:0:0:0:0:1"]],
  ["US social security number", ["123-45-6789", "SSN 078-05-1120", "219-09-9999"]],
];

const range = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i));

const INNOCENT: readonly (readonly [string, readonly string[]])[] = [
  ["plain ids", range(1000, (i) => `${1_000_000 + i * 7}`)],
  [
    "ids of 16 digits with the prefix of a card",
    range(1000, (i) => `${4_000_000_000_000_000 + i}`),
  ],
  ["epoch microseconds", range(1000, (i) => `${1_700_000_000_000_000 + i * 1_000_003}`)],
  ["dates", range(300, (i) => `2024-${String((i % 12) + 1).padStart(2, "0")}-15`)],
  [
    "times with a zone",
    range(300, (i) => `2024-01-15T10:00:${String(i % 60).padStart(2, "0")}+12:00`),
  ],
  ["airport codes", ["FRA", "JFK", "LHR", "CDG", "SIN"]],
  ["version numbers", ["1.2.3", "1.2.3.4", "10.0.19041.1", "120.0.6099.109", "v2.0.0-rc.1"]],
  ["product codes", ["AB-1234-XY", "SKU-000-11", "12-345-678", "DE12345678", "978-3-16-148410-0"]],
  ["UUIDs", range(300, (i) => `123e4567-e89b-12d3-a456-${String(426_614_174_000 + i)}`)],
  ["clock times and MAC addresses", ["10:22:33", "00:1a:2b:3c:4d:5e", "23:59"]],
  ["amounts", ["+12.50", "-1234567.89", "+1", "1e300", "12345678.12345678"]],
  ["hashes", range(300, (i) => `${i}`.padStart(32, "a1b2c3d4"))],
  ["names with an at", ["@handle", "a@b", "half @ price"]],
  ["nothing", []],
];

describe("personal data", () => {
  for (const [kind, values] of FOUND) {
    it(`finds ${kind}: ${values[0]}`, () => {
      assert.deepEqual(findPersonalData(values), { kind, share: 1 });
    });
  }
  for (const [what, values] of INNOCENT) {
    it(`leaves ${what} alone`, () => assert.equal(findPersonalData(values), null));
  }

  it("needs 5 % of the values and three of them, or all there are", () => {
    const ids = range(95, (i) => `id${i}`);
    const mails = range(5, (i) => `p${i}@example.org`);
    assert.equal(findPersonalData([...ids, ...mails])?.share, 0.05);
    assert.equal(findPersonalData([...ids, ...mails.slice(1)]), null);
    assert.equal(findPersonalData([...ids.slice(0, 10), ...mails.slice(0, 2)]), null);
    assert.equal(findPersonalData(mails.slice(0, 1))?.kind, "e-mail address");
  });

  it("names the kind with the greatest share", () => {
    const values = [...range(3, (i) => `p${i}@example.org`), ...range(9, () => "+4915112345678")];
    assert.equal(findPersonalData(values)?.kind, "phone number");
  });

  it("checks digits as the standards say", () => {
    assert.equal(passesLuhn("79927398713"), true);
    assert.equal(passesLuhn("79927398710"), false);
    assert.equal(passesMod97("GB82WEST12345698765432"), true);
    assert.equal(passesMod97("GB83WEST12345698765432"), false);
    assert.equal(passesMod97("GB82"), false);
  });
});
