/**
 * What Sluice is compared with. `fastify`: what a user would write in an afternoon, fastify and
 * onnxruntime-node in one process. `direct`: onnxruntime-node called in a loop without any server,
 * the limit of that binding.
 */
export const BASELINES = ["fastify", "direct"] as const;
export type BaselineName = (typeof BASELINES)[number];
