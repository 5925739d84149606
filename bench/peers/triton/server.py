"""NVIDIA Triton Inference Server through PyTriton, whose package carries the server.

That package has Triton's Python backend and no other: the ONNX Runtime backend comes only with the
container image. So Triton's own HTTP, gRPC and batcher are measured, with ONNX Runtime called from
Python behind them.

Settings: one inference callable a core, or one where a run is short (the callables are threads of
one interpreter: for the tiny model a second one only cost CPU), dynamic batching of up to 32 where
the model has an open first dimension, with no added delay (batches form while the callables are
busy: Triton's default).
"""

# ruff: noqa: E402
import os
import sysconfig

# The process of Triton's Python backend loads libpython by its name: it must be the one that this
# interpreter's standard library belongs to, not the system's.
os.environ["LD_LIBRARY_PATH"] = sysconfig.get_config_var("LIBDIR")

from collections.abc import Callable

import numpy as np
from onnx_model import NUMPY_OF_DATATYPE, OnnxModel, PeerSettings, TensorInfo, count_cores
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

MAX_BATCH_SIZE = 32


def _tensor(info: TensorInfo, is_batched: bool) -> Tensor:
    shape = info.shape[1:] if is_batched else info.shape
    return Tensor(name=info.name, dtype=NUMPY_OF_DATATYPE[info.datatype], shape=shape)


def _batched(model: OnnxModel) -> Callable:
    @batch
    def infer(**feeds: np.ndarray) -> dict[str, np.ndarray]:
        return model.run(feeds)

    return infer


def _single(model: OnnxModel) -> Callable:
    def infer(requests: list) -> list[dict[str, np.ndarray]]:
        return [model.run(request.data) for request in requests]

    return infer


def main() -> None:
    peer = PeerSettings.read()
    first = OnnxModel(peer)
    models = [first, *(OnnxModel(peer) for _ in range(0 if first.is_short else count_cores() - 1))]
    is_batched = models[0].is_batchable
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=peer.http_port,
        grpc_address="127.0.0.1",
        grpc_port=peer.grpc_port,
        metrics_port=peer.spare_port,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name=peer.model_name,
            infer_func=[(_batched if is_batched else _single)(model) for model in models],
            inputs=[_tensor(info, is_batched) for info in models[0].inputs],
            outputs=[_tensor(info, is_batched) for info in models[0].outputs],
            config=ModelConfig(
                batching=is_batched,
                max_batch_size=MAX_BATCH_SIZE,
                batcher=DynamicBatcher(max_queue_delay_microseconds=0),
            ),
            strict=False,
        )
        triton.serve()


if __name__ == "__main__":
    main()
