"""LitServe with a LitAPI around ONNX Runtime.

Settings: one inference worker a core (its documentation's advice for CPUs), as many API servers
(its default), ZeroMQ between them (`fast_queue`, its advice for high throughput). Batches of up to
32 within 1 ms where the model has an open first dimension and a run is not short: for the tiny
model batching cost about 1.5 times the CPU per request.
"""

from typing import Any

import litserve
from onnx_model import Arrays, OnnxModel, PeerSettings, count_cores, decode_inputs, encode_response

MAX_BATCH_SIZE = 32
BATCH_TIMEOUT_S = 0.001


class OnnxApi(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = OnnxModel(PeerSettings.read())

    def decode_request(self, request: dict[str, Any]) -> Arrays:
        return decode_inputs(request["inputs"])

    def batch(self, inputs: list[Arrays]) -> list[Arrays]:
        return inputs

    def predict(self, x: Arrays | list[Arrays]) -> Arrays | list[Arrays]:
        return self.model.run_batch(x) if isinstance(x, list) else self.model.run(x)

    def unbatch(self, output: list[Arrays]) -> list[Arrays]:
        return output

    def encode_response(self, output: Arrays) -> dict[str, Any]:
        return encode_response(self.model.name, output)


def main() -> None:
    settings = PeerSettings.read()
    described = OnnxModel(settings)
    path = f"/v2/models/{settings.model_name}"
    gathers = described.is_batchable and not described.is_short
    batching = {"max_batch_size": MAX_BATCH_SIZE, "batch_timeout": BATCH_TIMEOUT_S}
    api = OnnxApi(api_path=f"{path}/infer", **(batching if gathers else {}))
    server = litserve.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=count_cores(),
        fast_queue=True,
    )
    metadata = described.metadata()
    server.app.get(path)(lambda: metadata)
    server.app.get(f"{path}/ready")(lambda: {"name": settings.model_name, "ready": True})
    server.run(
        host="127.0.0.1",
        port=settings.http_port,
        log_level="warning",
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
