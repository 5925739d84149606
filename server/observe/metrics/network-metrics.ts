import { Counter, Gauge, type Registry } from "prom-client";
import type { MetricsParts } from "./metrics-parts.ts";

const MS_PER_SECOND = 1000;

export function registerConnections(registry: Registry, parts: MetricsParts): void {
  const registers = [registry];
  new Gauge({
    name: "sluice_connections",
    help: "Connections open at a port.",
    labelNames: ["port"],
    registers,
    collect() {
      for (const [port, { open }] of parts.connections) this.set({ port }, open);
    },
  });
  new Counter({
    name: "sluice_connections_refused_total",
    help: "Connections that were closed at once because the port had maxConnections.",
    labelNames: ["port"],
    registers,
    collect() {
      this.reset();
      for (const [port, { refused }] of parts.connections) this.inc({ port }, refused);
    },
  });
}

export function registerCertificate(
  registry: Registry,
  certificate: NonNullable<MetricsParts["certificate"]>,
): void {
  const registers = [registry];
  new Gauge({
    name: "sluice_tls_certificate_expiry_timestamp_seconds",
    help: "When the certificate in use expires.",
    registers,
    collect() {
      this.set(certificate.expiresEpochMs / MS_PER_SECOND);
    },
  });
  new Counter({
    name: "sluice_tls_certificate_renewals_total",
    help: "New certificate files: taken, or refused so that the pair before stays in use.",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      const { changed, failed } = certificate.renewals;
      this.inc({ outcome: "changed" }, changed);
      this.inc({ outcome: "failed" }, failed);
    },
  });
}
