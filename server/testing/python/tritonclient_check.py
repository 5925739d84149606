"""Drives a running server with NVIDIA's own tritonclient, over HTTP and gRPC.

    python tritonclient_check.py --http 127.0.0.1:8000 --grpc 127.0.0.1:8001 \
        --model FP32=identity-fp32 --model INT64=identity-int64 ...

Each --model names an identity model: input "x" and output "y" of the given datatype, shape [-1, 3],
version 1 serving as "champion". --steer names one more model, ready at first, which is unloaded and
loaded again (the server is in explicit mode). One line per check on standard output; the first failure is told on
standard error and ends the script with exit code 1. Needs server/testing/python/requirements.txt.
"""

import argparse
import queue
import sys
import urllib.request

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

COLUMNS = 3
UNKNOWN_MODEL = "no-such-model"
IN_FLIGHT = 32


class CheckFailed(Exception):
    """A check did not hold; the message says what was expected and what came."""


def expect(name, expected, got):
    if expected != got:
        raise CheckFailed(f"{name}: expected {expected!r}, got {got!r}")


def values_of(datatype):
    """Two rows that only an exact round trip gives back."""
    integers = {f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)}
    integers |= {f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)}
    if datatype in integers:
        limits = np.iinfo(integers[datatype])
        # 2^53 + 1 is the first integer that a double cannot hold.
        odd = min(2**53 + 1, limits.max - 1)
        row = [limits.min, limits.max, odd, 0, 1, limits.max // 3]
        return np.array(row, dtype=integers[datatype]).reshape(2, COLUMNS)
    floats = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
    if datatype in floats:
        limits = np.finfo(floats[datatype])
        row = [0.1, -1.5, limits.max, limits.smallest_normal, 1 / 3, -0.0]
        return np.array(row, dtype=floats[datatype]).reshape(2, COLUMNS)
    if datatype == "BOOL":
        return np.array([True, False, True, False, False, True]).reshape(2, COLUMNS)
    if datatype == "BYTES":
        row = [b"plain", b"", "gr\u00fc\u00df \u4f60\u597d".encode(), b'"\\\n\t', b"a" * 300, b"0"]
        return np.array(row, dtype=np.object_).reshape(2, COLUMNS)
    raise SystemExit(f"no values are known for datatype {datatype}")


def same(datatype, sent, got, bitwise=True):
    """JSON has no -0, so only binary tensors are compared bit by bit."""
    if got is None or got.shape != sent.shape:
        return False
    if datatype == "BYTES":
        as_bytes = [v.encode() if isinstance(v, str) else bytes(v) for v in got.flatten()]
        return as_bytes == list(sent.flatten())
    if got.dtype != sent.dtype:
        return False
    return got.tobytes() == sent.tobytes() if bitwise else np.array_equal(got, sent)


class Protocol:
    """What differs between the two clients; the checks below are the same for both."""

    def __init__(self, name, module, client, headers, encodings, codes):
        self.name = name
        self.module = module
        self.client = client
        self.own_headers = headers
        # Pairs of (send binary, receive binary); gRPC has one way only.
        self.encodings = encodings
        self.codes = codes

    @property
    def headers(self):
        """A copy for each call: the HTTP client leaves its own headers in the dictionary it is given."""
        return None if self.own_headers is None else dict(self.own_headers)

    def input(self, datatype, array, binary, name="x"):
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        if self.name == "http":
            return tensor.set_data_from_numpy(array, binary_data=binary)
        return tensor.set_data_from_numpy(array)

    def output(self, binary, name="y"):
        if self.name == "http":
            return self.module.InferRequestedOutput(name, binary_data=binary)
        return self.module.InferRequestedOutput(name)

    def metadata(self, model):
        answer = self.client.get_model_metadata(model, headers=self.headers)
        if self.name == "http":
            return answer
        return {
            "name": answer.name,
            "versions": list(answer.versions),
            "platform": answer.platform,
            "inputs": [describe(t) for t in answer.inputs],
            "outputs": [describe(t) for t in answer.outputs],
        }

    def server_metadata(self):
        answer = self.client.get_server_metadata(headers=self.headers)
        if self.name == "http":
            return answer["name"], answer["version"], list(answer["extensions"])
        return answer.name, answer.version, list(answer.extensions)

    def model_and_version(self, result):
        answer = result.get_response()
        if self.name == "http":
            return answer["model_name"], answer["model_version"], answer.get("id")
        return answer.model_name, answer.model_version, answer.id

    def infer(self, model, inputs, outputs=None, version="", request_id=""):
        return self.client.infer(
            model,
            inputs,
            outputs=outputs,
            model_version=version,
            request_id=request_id,
            headers=self.headers,
        )


def describe(tensor):
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def check_health(p, models):
    expect("is_server_live", True, p.client.is_server_live(headers=p.headers))
    expect("is_server_ready", True, p.client.is_server_ready(headers=p.headers))
    for model in models.values():
        expect(f"is_model_ready {model}", True, p.client.is_model_ready(model, headers=p.headers))
    ready = p.client.is_model_ready(next(iter(models.values())), "1", headers=p.headers)
    expect("is_model_ready of version 1", True, ready)


def check_server_metadata(p, _models):
    name, version, extensions = p.server_metadata()
    if not name or not version or "binary_tensor_data" not in extensions:
        raise CheckFailed(f"server metadata lacks something: {name!r} {version!r} {extensions!r}")


def check_model_metadata(p, models):
    for datatype, model in models.items():
        answer = p.metadata(model)
        expect("name", model, answer["name"])
        expect(f"{model} versions", True, "1" in answer["versions"])
        expect(f"{model} platform", True, answer["platform"] != "")
        for role, tensor in (("inputs", "x"), ("outputs", "y")):
            wanted = [{"name": tensor, "datatype": datatype, "shape": [-1, COLUMNS]}]
            expect(f"{model} {role}", wanted, answer[role])


def check_infer(p, models):
    for datatype, model in models.items():
        sent = values_of(datatype)
        for send_binary, receive_binary in p.encodings:
            how = f"{datatype} sent {word(send_binary)}, received {word(receive_binary)}"
            inputs = [p.input(datatype, sent, send_binary)]
            result = p.infer(model, inputs, [p.output(receive_binary)], request_id="r-1")
            if not same(datatype, sent, result.as_numpy("y"), send_binary and receive_binary):
                raise CheckFailed(f"{how}: sent {sent!r}, got {result.as_numpy('y')!r}")
            expect(f"{how}: answer", (model, "1", "r-1"), p.model_and_version(result))
            print(f"ok   {p.name}: infer {how}")


def word(binary):
    return "binary" if binary else "JSON"


def check_all_outputs(p, models):
    datatype, model = next(iter(models.items()))
    sent = values_of(datatype)
    result = p.infer(model, [p.input(datatype, sent, True)])
    expect("output y without asking for it", True, same(datatype, sent, result.as_numpy("y")))


def check_versions(p, models):
    datatype, model = next(iter(models.items()))
    sent = values_of(datatype)
    for version in ("1", "champion"):
        result = p.infer(model, [p.input(datatype, sent, True)], version=version)
        expect(f"version {version!r} answers as", "1", p.model_and_version(result)[1])


def check_empty_batch(p, models):
    datatype, model = next(iter(models.items()))
    sent = values_of(datatype)[:0]
    result = p.infer(model, [p.input(datatype, sent, True)], [p.output(True)])
    expect("shape of an answer to no rows", (0, COLUMNS), result.as_numpy("y").shape)


def check_many_in_flight(p, models):
    datatype, model = next(iter(models.items()))
    sent = values_of(datatype)
    arguments = (model, [p.input(datatype, sent, True)])
    if p.name == "http":
        waiting = [
            p.client.async_infer(*arguments, headers=p.headers) for _ in range(IN_FLIGHT)
        ]
        results = [request.get_result() for request in waiting]
    else:
        answers = queue.Queue()
        for _ in range(IN_FLIGHT):
            p.client.async_infer(
                *arguments,
                callback=lambda result, error: answers.put((result, error)),
                headers=p.headers,
            )
        results = []
        for _ in range(IN_FLIGHT):
            result, error = answers.get(timeout=30)
            expect("error of a request in flight", None, error)
            results.append(result)
    for result in results:
        expect("answer in flight", True, same(datatype, sent, result.as_numpy("y")))


def expect_error(p, name, code, words, call):
    try:
        call()
    except InferenceServerException as error:
        expect(f"{name}: status", p.codes[code], error.status())
        for part in words:
            if part not in error.message():
                raise CheckFailed(f"{name}: message lacks {part!r}: {error.message()!r}")
        return
    raise CheckFailed(f"{name}: no error came")


def check_errors(p, models):
    datatype, model = next(iter(models.items()))
    sent = values_of(datatype)
    good = [p.input(datatype, sent, True)]
    other = "INT32" if datatype != "INT32" else "FP32"
    wide = np.concatenate([sent, sent], axis=1)
    expect("unknown model ready", False, is_ready(p, UNKNOWN_MODEL))
    cases = [
        ("unknown model", "not-found", [UNKNOWN_MODEL], lambda: p.infer(UNKNOWN_MODEL, good)),
        ("metadata of an unknown model", "not-found", [UNKNOWN_MODEL],
         lambda: p.metadata(UNKNOWN_MODEL)),
        ("unknown version", "not-found", ["'77'"], lambda: p.infer(model, good, version="77")),
        ("wrong shape", "invalid", ["'x'", "[-1,3]", "[2,6]"],
         lambda: p.infer(model, [p.input(datatype, wide, True)])),
        ("wrong datatype", "invalid", ["'x'", datatype, other],
         lambda: p.infer(model, [p.input(other, values_of(other), True)])),
        ("wrong input name", "invalid", ["'x'", "'z'"],
         lambda: p.infer(model, [p.input(datatype, sent, True, name="z")])),
        ("unknown output", "invalid", ["'y'", "'z'"],
         lambda: p.infer(model, good, [p.output(True, name="z")])),
    ]
    for name, code, words, call in cases:
        expect_error(p, name, code, words, call)
        print(f"ok   {p.name}: error for {name}")
    expect("alive after errors", True, p.client.is_server_live(headers=p.headers))


def is_ready(p, model):
    """HTTP answers False for an unknown model; gRPC may answer NOT_FOUND instead."""
    try:
        return p.client.is_model_ready(model, headers=p.headers)
    except InferenceServerException as error:
        expect("is_model_ready of an unknown model: status", p.codes["not-found"], error.status())
        return False


def repository_index(p):
    """gRPC leaves empty fields out of its JSON form."""
    if p.name == "http":
        return p.client.get_model_repository_index(headers=p.headers)
    return p.client.get_model_repository_index(headers=p.headers, as_json=True)["models"]


def check_repository_index(p, models):
    entries = repository_index(p)
    for model in models.values():
        states = [e["state"] for e in entries if e["name"] == model and e["version"] == "1"]
        expect(f"repository index, {model} version 1", ["READY"], states)


def check_steering(p, model):
    expect("ready at first", True, is_ready(p, model))
    p.client.unload_model(model, headers=p.headers)
    expect("ready after unload", False, is_ready(p, model))
    p.client.load_model(model, headers=p.headers)
    expect("ready after load", True, is_ready(p, model))
    expect_error(p, "load with a configuration", "unsupported", ["config"],
                 lambda: p.client.load_model(model, headers=p.headers, config="{}"))
    expect_error(p, "load of an unknown model", "not-found", [UNKNOWN_MODEL],
                 lambda: p.client.load_model(UNKNOWN_MODEL, headers=p.headers))


def check_compression(p, models):
    datatype, model = next(iter(models.items()))
    sent = np.tile(values_of(datatype), (500, 1))
    for algorithm in ("gzip", "deflate"):
        result = p.client.infer(
            model, [p.input(datatype, sent, True)], headers=p.headers,
            request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
        expect(f"{algorithm} both ways", True, same(datatype, sent, result.as_numpy("y")))


def check_request_options(p, models):
    datatype, model = next(iter(models.items()))
    sent = values_of(datatype)
    result = p.client.infer(
        model, [p.input(datatype, sent, True)], headers=p.headers, query_params={"trace": "1"},
        priority=1, timeout=30_000_000, parameters={"team": "a", "retry": False, "share": 0.5})
    expect("priority, timeout and parameters", True, same(datatype, sent, result.as_numpy("y")))


def check_classification(p, models):
    model = models["FP32"]
    sent = np.array([[0.5, 2, -1], [3, 3, 4]], dtype=np.float32)
    for binary in (True, False):
        output = p.module.InferRequestedOutput("y", binary_data=binary, class_count=2)
        result = p.infer(model, [p.input("FP32", sent, True)], [output]).as_numpy("y")
        classes = [[v.decode() if isinstance(v, bytes) else v for v in row] for row in result]
        expect("classes", [["2:1", "0.5:0"], ["4:2", "3:0"]], classes)


def check_own_bodies(p, models):
    datatype, model = next(iter(models.items()))
    sent = values_of(datatype)
    body, head_bytes = p.module.InferenceServerClient.generate_request_body(
        [p.input(datatype, sent, True)], outputs=[p.output(True)])
    headers = dict(p.headers or {}) | {"Inference-Header-Content-Length": str(head_bytes)}
    url = f"http://{p.client._parsed_url.netloc}/v2/models/{model}/infer"
    with urllib.request.urlopen(urllib.request.Request(url, bytes(body), headers)) as answer:
        result = p.module.InferenceServerClient.parse_response_body(
            answer.read(), header_length=int(answer.headers["Inference-Header-Content-Length"]))
    expect("a body of generate_request_body", True, same(datatype, sent, result.as_numpy("y")))


def check_model_config(p, models):
    for datatype, model in models.items():
        config = p.client.get_model_config(model, "1", headers=p.headers)
        wanted = "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"
        expect(f"{model} config", (model, wanted), (config["name"], config["input"][0]["data_type"]))
        dims = [COLUMNS] if config["max_batch_size"] > 0 else [-1, COLUMNS]
        expect(f"{model} dims", dims, config["input"][0]["dims"])


def check_statistics(p, models):
    datatype, model = next(iter(models.items()))
    before = p.client.get_inference_statistics(model, headers=p.headers)["model_stats"][0]
    p.infer(model, [p.input(datatype, values_of(datatype), True)])
    after = p.client.get_inference_statistics(model, "1", headers=p.headers)["model_stats"][0]
    rows = 2 if p.client.get_model_config(model, headers=p.headers)["max_batch_size"] > 0 else 1
    expect("rows more", rows, after["inference_count"] - before["inference_count"])
    success = after["inference_stats"]["success"]["count"]
    expect("successes more", 1, success - before["inference_stats"]["success"]["count"])
    everything = p.client.get_inference_statistics(headers=p.headers)["model_stats"]
    expect("statistics of all models", True, set(models.values()) <= {m["name"] for m in everything})


def check_logging(p, _models):
    first = p.client.get_log_settings(headers=p.headers)
    changed = p.client.update_log_settings({"log_error": True, "log_warning": True, "log_info": True,
                                            "log_verbose_level": 1}, headers=p.headers)
    expect("verbose level", 1, changed["log_verbose_level"])
    back = {k: v for k, v in first.items() if k not in ("log_file", "log_format")}
    expect("settings put back", first, p.client.update_log_settings(back, headers=p.headers))
    expect_error(p, "another log file", "unsupported", ["log file"],
                 lambda: p.client.update_log_settings({"log_file": "x"}, headers=p.headers))


def check_refused_on_purpose(p, models):
    model = next(iter(models.values()))
    expect_error(p, "load with files", "unsupported", ["from the repository"],
                 lambda: p.client.load_model(model, headers=p.headers, config="{}",
                                             files={"file:1/model.onnx": b"x"}))
    expect_error(p, "trace settings", "not-found", ["trace"],
                 lambda: p.client.get_trace_settings(headers=p.headers))
    expect_error(p, "shared memory", "not-found", ["systemsharedmemory"],
                 lambda: p.client.get_system_shared_memory_status(headers=p.headers))


HTTP_CHECKS = [
    check_compression,
    check_request_options,
    check_classification,
    check_own_bodies,
    check_model_config,
    check_statistics,
    check_logging,
    check_refused_on_purpose,
]

CHECKS = [
    check_health,
    check_server_metadata,
    check_model_metadata,
    check_infer,
    check_all_outputs,
    check_versions,
    check_empty_batch,
    check_many_in_flight,
    check_errors,
    check_repository_index,
]


def parse_models(pairs):
    models = {}
    for pair in pairs:
        datatype, separator, model = pair.partition("=")
        if not separator or not model:
            raise SystemExit(f"--model expects DATATYPE=NAME, got {pair!r}")
        models[datatype] = model
    return models


def open_protocols(options):
    headers = None
    if options.api_key is not None:
        headers = {"authorization": f"Bearer {options.api_key}"}
    http = triton_http.InferenceServerClient(options.http, concurrency=8)
    grpc = triton_grpc.InferenceServerClient(options.grpc)
    all_ways = [(True, True), (True, False), (False, True), (False, False)]
    grpc_codes = {"not-found": "StatusCode.NOT_FOUND", "invalid": "StatusCode.INVALID_ARGUMENT",
                  "unsupported": "StatusCode.UNIMPLEMENTED"}
    return [
        Protocol("http", triton_http, http, headers, all_ways,
                 {"not-found": "404", "invalid": "400", "unsupported": "501"}),
        Protocol("grpc", triton_grpc, grpc, headers, [(True, True)], grpc_codes),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--http", required=True, help="host:port")
    parser.add_argument("--grpc", required=True, help="host:port")
    parser.add_argument("--model", action="append", required=True, metavar="DATATYPE=NAME")
    parser.add_argument("--steer", default=None, metavar="NAME")
    parser.add_argument("--api-key", default=None)
    options = parser.parse_args()
    models = parse_models(options.model)
    done = 0
    for protocol in open_protocols(options):
        checks = [(check, models) for check in CHECKS]
        if protocol.name == "http":
            checks += [(check, models) for check in HTTP_CHECKS]
        if options.steer is not None:
            checks.append((check_steering, options.steer))
        for check, subject in checks:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            try:
                check(protocol, subject)
            except Exception as error:  # Any failure is told the same way.
                print(f"FAIL {protocol.name}: {name}: {type(error).__name__}: {error}",
                      file=sys.stderr)
                return 1
            print(f"ok   {protocol.name}: {name}")
            done += 1
        protocol.client.close()
    print(f"all {done} checks passed with {', '.join(models)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
