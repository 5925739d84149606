"""The model of every peer: an ONNX file in ONNX Runtime; tensors as Open Inference Protocol JSON.

Each peer serves the same session with the same options, so a comparison compares servers.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort

Arrays = dict[str, np.ndarray]

# ONNX Runtime's type, the protocol's datatype, NumPy's type.
_TYPES = [
    ("tensor(bool)", "BOOL", np.bool_),
    ("tensor(uint8)", "UINT8", np.uint8),
    ("tensor(uint16)", "UINT16", np.uint16),
    ("tensor(uint32)", "UINT32", np.uint32),
    ("tensor(uint64)", "UINT64", np.uint64),
    ("tensor(int8)", "INT8", np.int8),
    ("tensor(int16)", "INT16", np.int16),
    ("tensor(int32)", "INT32", np.int32),
    ("tensor(int64)", "INT64", np.int64),
    ("tensor(float16)", "FP16", np.float16),
    ("tensor(float)", "FP32", np.float32),
    ("tensor(double)", "FP64", np.float64),
]
# About what a request costs to hand to another process and back, in every server measured here.
SHORT_RUN_S = 0.001
_DATATYPE_OF_ORT = {ort_type: datatype for ort_type, datatype, _ in _TYPES}
NUMPY_OF_DATATYPE = {datatype: numpy_type for _, datatype, numpy_type in _TYPES}
DATATYPE_OF_NUMPY = {np.dtype(numpy_type): datatype for _, datatype, numpy_type in _TYPES}


@dataclass(frozen=True)
class PeerSettings:
    """What bench/peers/peer.ts asks for, by the environment, which workers inherit."""

    model_file: str
    model_name: str
    http_port: int
    grpc_port: int
    spare_port: int
    intra_op_threads: int

    @staticmethod
    def read() -> PeerSettings:
        return PeerSettings(
            model_file=os.environ["PEER_MODEL_FILE"],
            model_name=os.environ["PEER_MODEL_NAME"],
            http_port=int(os.environ["PEER_HTTP_PORT"]),
            grpc_port=int(os.environ["PEER_GRPC_PORT"]),
            spare_port=int(os.environ["PEER_SPARE_PORT"]),
            intra_op_threads=int(os.environ["PEER_INTRA_OP_THREADS"]),
        )


def count_cores() -> int:
    """Cores that this process may run on, which `taskset` and containers narrow."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class TensorInfo:
    name: str
    datatype: str
    # -1 where the model leaves the dimension open.
    shape: list[int]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": self.shape}


class OnnxModel:
    """One session; `run` may be called from many threads."""

    def __init__(self, settings: PeerSettings) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = settings.intra_op_threads
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            settings.model_file, options, providers=["CPUExecutionProvider"]
        )
        self.name = settings.model_name
        self.inputs = [_info(node) for node in self._session.get_inputs()]
        self.outputs = [_info(node) for node in self._session.get_outputs()]
        self._output_names = [output.name for output in self.outputs]

    @property
    def is_batchable(self) -> bool:
        """Whether requests may be joined along axis 0: it is open in every input and output."""
        return all(info.shape[:1] == [-1] for info in [*self.inputs, *self.outputs])

    @property
    def is_short(self) -> bool:
        """Whether a run is cheaper than handing it to another process or gathering a batch for it.

        Servers that leave the choice to the user are set up accordingly. It is a run's CPU time, on
        zeros, with 1 for every open dimension; the second run counts, as the first allocates.
        """
        feeds = {
            info.name: np.zeros(
                [max(size, 1) for size in info.shape], NUMPY_OF_DATATYPE[info.datatype]
            )
            for info in self.inputs
        }
        self.run(feeds)
        start = time.process_time()
        self.run(feeds)
        return time.process_time() - start < SHORT_RUN_S

    def run(self, feeds: Arrays) -> Arrays:
        results = self._session.run(self._output_names, feeds)
        return dict(zip(self._output_names, results, strict=True))

    def run_batch(self, requests: list[Arrays]) -> list[Arrays]:
        """One run for all, where they fit together; else one for each."""
        if len(requests) == 1 or not self.is_batchable or not _fit_together(requests):
            return [self.run(feeds) for feeds in requests]
        joined = {name: np.concatenate([feeds[name] for feeds in requests]) for name in requests[0]}
        first = self.inputs[0].name
        cuts = np.cumsum([len(feeds[first]) for feeds in requests])[:-1]
        parts = {name: np.split(array, cuts) for name, array in self.run(joined).items()}
        return [{name: parts[name][i] for name in parts} for i in range(len(requests))]

    def metadata(self) -> dict[str, Any]:
        """The answer to GET /v2/models/{name}."""
        return {
            "name": self.name,
            "versions": ["1"],
            "platform": "onnxruntime_onnx",
            "inputs": [info.to_json() for info in self.inputs],
            "outputs": [info.to_json() for info in self.outputs],
        }


def decode_inputs(inputs: list[dict[str, Any]]) -> Arrays:
    """The `inputs` of an inference request as arrays."""
    return {
        tensor["name"]: np.asarray(
            tensor["data"], dtype=NUMPY_OF_DATATYPE[tensor["datatype"]]
        ).reshape(tensor["shape"])
        for tensor in inputs
    }


def encode_response(model_name: str, outputs: Arrays) -> dict[str, Any]:
    """An inference response that any JSON library can write."""
    return {
        "model_name": model_name,
        "model_version": "1",
        "outputs": [
            {
                "name": name,
                "datatype": DATATYPE_OF_NUMPY[array.dtype],
                "shape": list(array.shape),
                "data": array.ravel().tolist(),
            }
            for name, array in outputs.items()
        ],
    }


def _info(node: Any) -> TensorInfo:
    shape = [size if isinstance(size, int) else -1 for size in node.shape]
    return TensorInfo(node.name, _DATATYPE_OF_ORT[node.type], shape)


def _fit_together(requests: list[Arrays]) -> bool:
    first = requests[0]
    return all(
        feeds.keys() == first.keys()
        and all(feeds[name].shape[1:] == array.shape[1:] for name, array in first.items())
        for feeds in requests
    )
