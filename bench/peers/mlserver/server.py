"""MLServer with an ONNX Runtime class as its custom runtime; HTTP and gRPC of the protocol.

Settings: one worker process a core for inference (`parallel_workers`) and adaptive batching of up
to 32 requests within 1 ms where the model has an open first dimension; a model whose runs are
short is called in the server's own process without batching, which took the least CPU per request
of the settings tried (0, 1 and 2 workers, with batching and without). uvloop as `mlserver start`
has it (0.21, the last version that MLServer 1.7 starts its workers with), no access log, no
compression of answers.
"""

import asyncio

import uvloop
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse, MetadataTensor
from onnx_model import OnnxModel, PeerSettings, TensorInfo, count_cores

MAX_BATCH_SIZE = 32
MAX_BATCH_TIME_S = 0.001


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        self.model = OnnxModel(PeerSettings.read())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        outputs = self.model.run(feeds)
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(name, array) for name, array in outputs.items()],
        )


def _metadata(infos: list[TensorInfo]) -> list[MetadataTensor]:
    return [MetadataTensor(**info.to_json()) for info in infos]


async def main() -> None:
    peer = PeerSettings.read()
    described = OnnxModel(peer)
    is_short = described.is_short
    gathers = described.is_batchable and not is_short
    settings = Settings(
        host="127.0.0.1",
        http_port=peer.http_port,
        grpc_port=peer.grpc_port,
        metrics_port=peer.spare_port,
        parallel_workers=0 if is_short else count_cores(),
        gzip_enabled=False,
        debug=False,
    )
    model = ModelSettings(
        name=peer.model_name,
        implementation="server.OnnxRuntime",
        platform="onnxruntime_onnx",
        inputs=_metadata(described.inputs),
        outputs=_metadata(described.outputs),
        parameters=ModelParameters(version="1", uri=peer.model_file),
        max_batch_size=MAX_BATCH_SIZE if gathers else 0,
        max_batch_time=MAX_BATCH_TIME_S if gathers else 0,
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main())
