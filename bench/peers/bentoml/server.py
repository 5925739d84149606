"""BentoML with a service around ONNX Runtime.

Settings: one worker process a core (`workers`), no access log, metrics and tracing as they come,
the model called on the event loop of its worker (in its threads, its other way, a request cost
about 1.5 times the CPU). No batching: BentoML gathers arrays or lists, not the protocol's body; a
second service behind this one would, for one more hop between processes.
"""

import os
from pathlib import Path
from typing import Any

import bentoml
from onnx_model import OnnxModel, PeerSettings, count_cores, decode_inputs, encode_response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

SETTINGS = PeerSettings.read()
PATH = f"/v2/models/{SETTINGS.model_name}"


async def metadata(request: Request) -> JSONResponse:
    return JSONResponse(OnnxModel(SETTINGS).metadata())


async def ready(request: Request) -> JSONResponse:
    return JSONResponse({"name": SETTINGS.model_name, "ready": True})


DESCRIPTION = Starlette(routes=[Route(PATH, metadata), Route(f"{PATH}/ready", ready)])


@bentoml.service(
    workers=count_cores(),
    http={"host": "127.0.0.1", "port": SETTINGS.http_port},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(DESCRIPTION)
class OnnxService:
    def __init__(self) -> None:
        self.model = OnnxModel(SETTINGS)

    @bentoml.api(route=f"{PATH}/infer")
    async def infer(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        return encode_response(self.model.name, self.model.run(decode_inputs(inputs)))


if __name__ == "__main__":
    folder = str(Path(__file__).parent)
    os.execvp("bentoml", ["bentoml", "serve", "server:OnnxService", "--working-dir", folder])
