import { Buffer } from "node:buffer";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TlsFiles } from "../lib/tls-pair.ts";

const DAY_MS = 86_400_000;

export interface TestPair {
  /** Also the authority to trust: it vouches for itself. */
  readonly certPem: string;
  readonly keyPem: string;
}

/**
 * A certificate for localhost and 127.0.0.1 that signed itself (X.509 v3, RFC 5280; ECDSA P-256), so
 * that tests need neither openssl nor a key in the tree.
 * @param daysLeft until it expires; negative: it has
 */
export function makeCertificate(name: string, daysLeft = 30): TestPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = sequence(set(sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
  const now = Date.now();
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    subject,
    sequence(utcTime(now - 30 * DAY_MS), utcTime(now + daysLeft * DAY_MS)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(subjectAltName())),
  );
  const signature = sign("sha256", body, privateKey);
  const whole = sequence(body, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  const text = whole.toString("base64").replaceAll(/.{64}(?!$)/g, "$&\n");
  return {
    certPem: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** Puts a pair where a server reads it, each file by rename. */
export function placePair(folder: string, { certPem, keyPem }: TestPair): TlsFiles {
  const files = { certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
  for (const [file, text] of [
    [files.keyFile, keyPem],
    [files.certFile, certPem],
  ] as const) {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return files;
}

function subjectAltName(): Buffer {
  const names = sequence(
    der(0x82, Buffer.from("localhost")),
    der(0x87, Buffer.from([127, 0, 0, 1])),
  );
  return sequence(oid("551d11"), der(0x04, names));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(length)]), content]);
}

/** The shortest form: BoringSSL takes no other. */
function lengthBytes(length: number): readonly number[] {
  if (length < 128) return [length];
  return length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function set(...parts: readonly Buffer[]): Buffer {
  return der(0x31, ...parts);
}

function integer(value: Buffer): Buffer {
  return der(0x02, value);
}

/** @param hex the encoded arcs */
function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function utcTime(epochMs: number): Buffer {
  const text = new Date(epochMs).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}

const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
