import type { FastifyInstance } from "fastify";
import { listDead, retryDead } from "../outlets/dead-letters.ts";
import { ApiError } from "./api-error.ts";
import type { ApiParts } from "./api-parts.ts";
import { assertKnown, integerOf, type Query } from "./query.ts";

const DEAD = { min: 1, max: 1000, otherwise: 100 };

/** Steering by hand: dead messages. */
export function addOutletRoutes(app: FastifyInstance, parts: ApiParts): void {
  const read = { config: { action: "read" } } as const;
  const admin = { config: { action: "admin" } } as const;
  app.get<{ Params: { name: string }; Querystring: Query }>(
    "/v1/outlets/:name/dead",
    read,
    async ({ params, query }, reply) => {
      assertKnown(query, ["limit"]);
      assertWebhook(parts, params.name);
      const dead = await listDead(parts.store, params.name, integerOf(query, "limit", DEAD));
      return reply.send({ dead });
    },
  );
  app.post<{ Params: { name: string; id: string }; Querystring: Query }>(
    "/v1/outlets/:name/dead/:id/retry",
    admin,
    async ({ params, query }, reply) => {
      assertKnown(query, []);
      assertWebhook(parts, params.name);
      const found = await retryDead(parts.store, params.name, params.id, parts.clock());
      if (!found) throw new ApiError(404, `no dead message '${params.id.slice(0, 64)}'`);
      return reply.code(202).send({ id: params.id, status: "pending" });
    },
  );
}

function assertWebhook({ project }: ApiParts, name: string): void {
  const outlets = project().outlets;
  if (Object.hasOwn(outlets, name) && outlets[name]?.kind === "webhook") return;
  throw new ApiError(404, `no webhook '${name.slice(0, 64)}' in the project file`);
}
