"""Ray Serve with one deployment around ONNX Runtime.

Settings: one replica a core, batches of up to 32 within 1 ms where the model has an open first
dimension, up to 64 requests in a replica at once (its default of 5 would throttle batches), and
what its performance guide lists for throughput (RAY_SERVE_THROUGHPUT_OPTIMIZED, HAProxy in front).
No access log, no dashboard.
"""

# ruff: noqa: E402
import os

# Ray reads these when it is imported, in this process and in those that it starts.
os.environ |= {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}

import json
import signal

import ray
from onnx_model import Arrays, OnnxModel, PeerSettings, count_cores, decode_inputs, encode_response
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request
from starlette.responses import JSONResponse

MAX_BATCH_SIZE = 32
BATCH_WAIT_S = 0.001
MAX_ONGOING_REQUESTS = 64


@serve.deployment(
    num_replicas=count_cores(),
    max_ongoing_requests=MAX_ONGOING_REQUESTS,
    ray_actor_options={"num_cpus": 1},
    logging_config=LoggingConfig(enable_access_log=False),
)
class Onnx:
    def __init__(self) -> None:
        self.model = OnnxModel(PeerSettings.read())

    @serve.batch(max_batch_size=MAX_BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT_S)
    async def run_batch(self, requests: list[Arrays]) -> list[Arrays]:
        return self.model.run_batch(requests)

    async def infer(self, feeds: Arrays) -> Arrays:
        return await self.run_batch(feeds) if self.model.is_batchable else self.model.run(feeds)

    async def __call__(self, request: Request) -> JSONResponse:
        if request.url.path.endswith("/infer"):
            body = json.loads(await request.body())
            outputs = await self.infer(decode_inputs(body["inputs"]))
            return JSONResponse(encode_response(self.model.name, outputs))
        if request.url.path.endswith("/ready"):
            return JSONResponse({"name": self.model.name, "ready": True})
        return JSONResponse(self.model.metadata())


if __name__ == "__main__":
    peer = PeerSettings.read()
    ray.init(num_cpus=count_cores(), include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": peer.http_port})
    serve.run(Onnx.bind(), route_prefix=f"/v2/models/{peer.model_name}")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    serve.shutdown()
