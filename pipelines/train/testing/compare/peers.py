"""Trains scikit-learn's HistGradientBoosting or XGBoost on rows that compare.ts wrote.

Usage: peers.py FOLDER sklearn|xgboost. FOLDER holds meta.json ({task, isText, trainRows, testRows,
trees, learningRate, maxLeaves, minLeafRows, l2}), train.f64 and test.f64: little-endian doubles, one
column after the other, the target last; texts as codes, NaN for missing. Writes predicted.f64 and
prints {"seconds": of the training alone}. One thread.
"""

import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402


def read(folder: str, part: str, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    table = np.fromfile(f"{folder}/{part}.f64", dtype="<f8").reshape(columns, rows).T
    return np.ascontiguousarray(table[:, :-1]), table[:, -1]


def train_sklearn(meta: dict, x: np.ndarray, y: np.ndarray):
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    is_binary = meta["task"] == "binary"
    model = (HistGradientBoostingClassifier if is_binary else HistGradientBoostingRegressor)(
        max_iter=meta["trees"],
        learning_rate=meta["learningRate"],
        max_leaf_nodes=meta["maxLeaves"],
        min_samples_leaf=meta["minLeafRows"],
        l2_regularization=meta["l2"],
        categorical_features=meta["isText"],
        early_stopping=False,
        random_state=1,
    )
    model.fit(x, y)
    return (lambda rows: model.predict_proba(rows)[:, 1]) if is_binary else model.predict


def train_xgboost(meta: dict, x: np.ndarray, y: np.ndarray):
    import xgboost

    types = ["c" if is_text else "q" for is_text in meta["isText"]]

    def matrix(rows: np.ndarray, labels: np.ndarray | None = None):
        return xgboost.DMatrix(
            rows, labels, feature_types=types, enable_categorical=True, nthread=1
        )

    options = {
        "objective": "binary:logistic" if meta["task"] == "binary" else "reg:squarederror",
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_leaves": meta["maxLeaves"],
        "max_depth": 0,
        "max_bin": 255,
        "eta": meta["learningRate"],
        "lambda": meta["l2"],
        "nthread": 1,
        "seed": 1,
    }
    model = xgboost.train(options, matrix(x, y), num_boost_round=meta["trees"])
    return lambda rows: model.predict(matrix(rows))


def main() -> None:
    folder, peer = sys.argv[1:]
    with open(f"{folder}/meta.json", encoding="utf-8") as file:
        meta = json.load(file)
    columns = len(meta["isText"]) + 1
    x, y = read(folder, "train", meta["trainRows"], columns)
    train = {"sklearn": train_sklearn, "xgboost": train_xgboost}[peer]
    train({**meta, "trees": 1}, x[:1000], y[:1000])  # Imports and first calls are not training.
    start = time.perf_counter()
    predict = train(meta, x, y)
    seconds = time.perf_counter() - start
    x_test, _ = read(folder, "test", meta["testRows"], columns)
    np.asarray(predict(x_test), dtype="<f8").tofile(f"{folder}/predicted.f64")
    print(json.dumps({"seconds": seconds}))


main()
