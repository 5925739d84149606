"""FastAPI and ONNX Runtime under uvicorn: what one writes without a model server.

Settings: one worker process a core, uvloop and httptools (what `uvicorn[standard]` picks), no
access log, orjson for both bodies, the model called on the event loop, since a hop to a thread
costs more than a short run and each worker has a core to itself. No batching: FastAPI has none.
"""

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from onnx_model import OnnxModel, PeerSettings, count_cores, decode_inputs, encode_response


def create_app() -> FastAPI:
    model = OnnxModel(PeerSettings.read())
    app = FastAPI()

    @app.get(f"/v2/models/{model.name}")
    async def metadata() -> dict:
        return model.metadata()

    @app.get(f"/v2/models/{model.name}/ready")
    async def ready() -> dict:
        return {"name": model.name, "ready": True}

    @app.post(f"/v2/models/{model.name}/infer")
    async def infer(request: Request) -> Response:
        body = orjson.loads(await request.body())
        answer = encode_response(model.name, model.run(decode_inputs(body["inputs"])))
        return Response(orjson.dumps(answer), media_type="application/json")

    return app


if __name__ == "__main__":
    uvicorn.run(
        "server:create_app",
        factory=True,
        host="127.0.0.1",
        port=PeerSettings.read().http_port,
        workers=count_cores(),
        access_log=False,
        log_level="warning",
    )
