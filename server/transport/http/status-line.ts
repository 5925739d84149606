import { STATUS_CODES } from "node:http";

/** The reason phrase of a status; 499 is nginx's. */
export function reasonPhrase(status: number): string {
  return STATUS_CODES[status] ?? (status === 499 ? "Client Closed Request" : "Error");
}
