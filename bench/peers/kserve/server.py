"""KServe's Python model server with a custom model; HTTP and gRPC of the protocol.

Settings: one HTTP worker process a core (`workers`), no latency logging, the model called on the
event loop of its worker. No batching: KServe's batcher is a sidecar of its Kubernetes controller
and not part of this server.
"""

from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.protocol.rest.multiprocess.server import RESTServerProcess
from kserve.utils.utils import generate_uuid
from onnx_model import DATATYPE_OF_NUMPY, OnnxModel, PeerSettings, count_cores

# The supervisor kills a worker that leaves a ping unanswered for 5 s, while it still imports too,
# which takes longer than that on a busy machine; then none ever comes up.
WORKER_PING_TIMEOUT_S = 60.0


class OnnxRuntimeModel(Model):
    def __init__(self, settings: PeerSettings) -> None:
        super().__init__(settings.model_name)
        self.onnx = OnnxModel(settings)
        self.ready = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Worker processes get the model pickled: each opens a session of its own."""
        return (OnnxRuntimeModel, (PeerSettings.read(),))

    def get_input_types(self) -> list[dict]:
        return [info.to_json() for info in self.onnx.inputs]

    def get_output_types(self) -> list[dict]:
        return [info.to_json() for info in self.onnx.outputs]

    async def predict(
        self,
        payload: InferRequest,
        headers: dict | None = None,
        response_headers: dict | None = None,
    ) -> InferResponse:
        outputs = []
        results = self.onnx.run({tensor.name: tensor.as_numpy() for tensor in payload.inputs})
        for name, array in results.items():
            output = InferOutput(name, list(array.shape), DATATYPE_OF_NUMPY[array.dtype])
            output.set_data_from_numpy(array, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name=self.name,
            infer_outputs=outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    peer = PeerSettings.read()
    RESTServerProcess.is_alive.__defaults__ = (WORKER_PING_TIMEOUT_S,)
    ModelServer(
        http_port=peer.http_port,
        grpc_port=peer.grpc_port,
        workers=count_cores(),
        enable_latency_logging=False,
    ).start([OnnxRuntimeModel(peer)])
