import type { FastifyInstance } from "fastify";
import { ApiError } from "./api-error.ts";
import type { ApiParts } from "./api-parts.ts";
import { assertKnown, type Query } from "./query.ts";

/** Steering by hand: a pull and a training now. 202 says that it is noted, a restart included. */
export function addTriggerRoutes(app: FastifyInstance, { project, triggers }: ApiParts): void {
  const admin = { config: { action: "admin" } } as const;
  app.post<{ Params: { feed: string }; Querystring: Query }>(
    "/v1/feeds-in/:feed/pull",
    admin,
    async ({ params, query }, reply) => {
      assertKnown(query, []);
      if (!Object.hasOwn(project().feeds, params.feed)) {
        throw new ApiError(404, `no feed in '${params.feed.slice(0, 64)}' in the project file`);
      }
      await triggers.pull(params.feed);
      return reply.code(202).send({ feed: params.feed });
    },
  );
  app.post<{ Params: { model: string }; Querystring: Query }>(
    "/v1/models/:model/train",
    admin,
    async ({ params, query }, reply) => {
      assertKnown(query, []);
      if (!Object.hasOwn(project().models, params.model)) {
        throw new ApiError(404, `no model '${params.model.slice(0, 64)}' in the project file`);
      }
      await triggers.train(params.model);
      return reply.code(202).send({ model: params.model });
    },
  );
}
