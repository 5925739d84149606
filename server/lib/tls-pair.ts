import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

/** Where a certificate and its key are: PEM files, absolute. */
export interface TlsFiles {
  /** The server's own certificate first, then those between it and the authority. */
  readonly certFile: string;
  /** Without a passphrase. */
  readonly keyFile: string;
}

/** A certificate with the key that fits it. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: "TLSv1.2";
  readonly expiresEpochMs: number;
}

/** One line for the operator; holds no byte of the key. */
export class TlsPairError extends Error {
  override readonly name = "TlsPairError";
}

/**
 * Reads both files and checks that they are a pair that serves now. Blocks on the disk.
 * @throws TlsPairError for a file that cannot be read, no PEM, a key that does not fit, or a certificate that has expired
 */
export function readTlsPair({ certFile, keyFile }: TlsFiles, nowEpochMs = Date.now()): TlsPair {
  const cert = readPem(certFile, "tlsCertFile");
  const key = readPem(keyFile, "tlsKeyFile");
  const expiresEpochMs = readExpiry(cert, certFile);
  try {
    createSecureContext({ cert, key, minVersion: "TLSv1.2" });
  } catch (thrown) {
    throw new TlsPairError(
      `expected the private key of tlsCertFile ${certFile} in tlsKeyFile ${keyFile}, got one that does not fit (${codeOf(thrown)})`,
    );
  }
  if (expiresEpochMs <= nowEpochMs) {
    const when = new Date(expiresEpochMs).toISOString();
    throw new TlsPairError(`the certificate in tlsCertFile ${certFile} expired at ${when}`);
  }
  return { cert, key, minVersion: "TLSv1.2", expiresEpochMs };
}

function readPem(file: string, setting: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    throw new TlsPairError(`${setting} ${file} cannot be read (${codeOf(thrown)})`);
  }
}

function readExpiry(cert: Buffer, certFile: string): number {
  try {
    return Date.parse(new X509Certificate(cert).validTo);
  } catch {
    throw new TlsPairError(`expected a certificate in PEM in tlsCertFile ${certFile}, got none`);
  }
}

/** The code alone: OpenSSL's texts are many lines. */
function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException | null)?.code ?? "unknown error";
}
