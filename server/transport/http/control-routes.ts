import {
  decodeLabelRequest,
  encodeLabelAnswer,
  MAX_LABELS_BODY_BYTES,
} from "../../../protocols/capture/label-request.ts";
import type { ModelRef } from "../../../protocols/core/infer.ts";
import { InferError } from "../../../protocols/core/status.ts";
import {
  encodeModelMetadata,
  encodeObject,
  encodeRepositoryIndex,
  encodeServerMetadata,
} from "../../../protocols/oip-rest/messages.ts";
import { encodeStatistics } from "../../../protocols/oip-rest/statistics.ts";
import { reachesModel } from "../../access/authorise.ts";
import type { Principal } from "../../access/principal.ts";
import { modelConfig } from "../../request/model-config.ts";
import {
  isModelReady,
  modelMetadata,
  repositoryIndex,
  SERVER_METADATA,
} from "../../request/queries.ts";
import type { ServingContext } from "../serving-context.ts";
import { assertSteerParameters } from "../steer-parameters.ts";
import { type Answer, emptyAnswer, healthAnswer, jsonAnswer } from "./answer.ts";
import { decodeIndexBody, decodeSteerBody, MAX_CONTROL_BODY_BYTES } from "./control-body.ts";
import { draining } from "./draining.ts";
import { logLevelAfter, logSettingsOf } from "./log-settings.ts";
import type { Route } from "./router.ts";

/** A judged request for anything but an inference. */
export interface ControlRequest {
  readonly route: Route;
  /** null for probes, which are open to everyone. */
  readonly principal: Principal | null;
  readonly requestId: string;
  /** The whole body, in memory of its own. REQUIRES: called before the first yield. Rejects with InferError */
  readBody(maxBytes: number): Promise<Uint8Array>;
}

/** The answers to everything but inference: health, metadata, index, load, unload, labels. */
export class ControlRoutes {
  readonly #context: ServingContext;

  constructor(context: ServingContext) {
    this.#context = context;
  }

  /** @throws InferError */
  async answer(request: ControlRequest): Promise<Answer> {
    const { route: found, requestId } = request;
    const { serving } = this.#context.pipeline;
    switch (found.kind) {
      case "live":
        return healthAnswer(true, { live: true }, requestId);
      case "ready": {
        const ready = this.#context.isReady();
        return healthAnswer(ready, { ready }, requestId);
      }
      case "server-metadata":
        return jsonAnswer(200, encodeServerMetadata(SERVER_METADATA), requestId);
      case "model-metadata":
        return jsonAnswer(200, encodeModelMetadata(modelMetadata(serving, found.ref)), requestId);
      case "model-ready": {
        const ready = isModelReady(serving, found.ref);
        return healthAnswer(ready, { name: found.ref.name, ready }, requestId);
      }
      case "model-config": {
        const { info } = serving.resolve(found.ref).servable;
        return jsonAnswer(200, encodeObject(modelConfig(info)), requestId);
      }
      case "statistics":
        return await this.#statistics(found.ref, request);
      case "log-settings":
        return this.#logSettings(requestId);
      case "set-log-settings":
        return await this.#setLogSettings(request);
      case "index":
        return await this.#index(request);
      case "load":
      case "unload":
        return await this.#steer(found.kind, found.model, request);
      case "labels":
        return await this.#storeLabels(found.model, request);
      case "stream":
        throw new InferError("invalid-argument", "this path takes a WebSocket upgrade");
      default:
        throw new Error(`route '${found.kind}' has no answer`);
    }
  }

  async #index(request: ControlRequest): Promise<Answer> {
    const { readyOnly } = decodeIndexBody(await request.readBody(MAX_CONTROL_BODY_BYTES));
    const { serving } = this.#context.pipeline;
    const entries = repositoryIndex(serving, principalOf(request), readyOnly);
    return jsonAnswer(200, encodeRepositoryIndex(entries), request.requestId);
  }

  /** Of one version, of all that serve of a model, or of all that the key is for. */
  async #statistics(ref: ModelRef | null, request: ControlRequest): Promise<Answer> {
    const { serving } = this.#context.pipeline;
    const principal = principalOf(request);
    const wanted = ref === null ? null : serving.model(ref.name).name;
    const version =
      ref === null || ref.version === null ? null : serving.resolve(ref).servable.info.id.version;
    const all = await this.#context.statistics();
    const shown = all.filter(
      ({ id }) =>
        reachesModel(principal, id.model) &&
        (wanted === null || id.model === wanted) &&
        (version === null || id.version === version),
    );
    const messages = shown.map(({ id, ...rest }) => ({
      name: id.model,
      version: String(id.version),
      ...rest,
    }));
    return jsonAnswer(200, encodeStatistics(messages), request.requestId);
  }

  #logSettings(requestId: string): Answer {
    return jsonAnswer(200, encodeObject(logSettingsOf(this.#context.logLevel())), requestId);
  }

  async #setLogSettings(request: ControlRequest): Promise<Answer> {
    const body = await request.readBody(MAX_CONTROL_BODY_BYTES);
    const level = logLevelAfter(this.#context.logLevel(), body);
    await this.#context.setLogLevel(level, principalOf(request));
    return this.#logSettings(request.requestId);
  }

  async #steer(action: "load" | "unload", model: string, request: ControlRequest): Promise<Answer> {
    assertSteerParameters(decodeSteerBody(await request.readBody(MAX_CONTROL_BODY_BYTES)));
    await this.#context.steer(action, model, principalOf(request));
    return emptyAnswer(request.requestId);
  }

  async #storeLabels(model: string, request: ControlRequest): Promise<Answer> {
    if (this.#context.isDraining()) throw draining();
    const bytes = await request.readBody(MAX_LABELS_BODY_BYTES);
    this.#context.pipeline.serving.model(model);
    const atMs = Date.now();
    const labels = decodeLabelRequest(bytes);
    await this.#context.storeLabels(
      labels.map((label) => ({ kind: "label", model, ...label, atMs })),
    );
    return jsonAnswer(200, encodeLabelAnswer(labels.length), request.requestId);
  }
}

function principalOf({ principal }: ControlRequest): Principal {
  if (principal === null) throw new Error("a guarded route was let through as a probe");
  return principal;
}
