"""SIGKILL at random moments of writing and of predicting; readers beside a writer. Nothing may be lost, and nothing half-written may be seen.

python experiments/kills/run.py [--kills N] [--seed N]

Each child process is killed at a moment drawn evenly from the time that its work takes. Afterwards the parent looks at the files as a user would:
the fold file opens, `check_foldfile` finds every checksum right, predictions made before are whole. The exit code is 1 if anything was lost.
"""

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lumin_nb.core import make_rng
from lumin_nb.data.foldfile import FoldSchema, FoldWriter, check_foldfile, df2foldfile
from lumin_nb.data.yielder import FoldYielder
from lumin_nb.nn.builder import ModelBuilder
from lumin_nb.train.model import Model

N, FOLDS = 60_000, 5


def events(version: int) -> pd.DataFrame:
    "A table that knows its version: a whole file has one version only"
    rng = make_rng(version)
    return pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), "version": version, "target": np.arange(N) % 2, "weight": 1.,
                         "jet_pt": [np.full(i % 4, version, np.float32) for i in range(N)]})


def stream(path: Path, df: pd.DataFrame) -> None:
    "Write a file chunk by chunk"
    schema = FoldSchema(cont_feats=["a", "b"], cat_feats=[], targ_feats="target", targ_type="int", wgt_feat="weight", misc_feats=["version"],
                        ragged={"jets": {"pt": "jet_pt"}})
    with FoldWriter(path, schema, FOLDS, overwrite=True) as w:
        for i in range(0, N, 5000): w.add(df[i:i + 5000], np.arange(i, min(i + 5000, N)) % FOLDS)


def killed(work: Callable[[], None], seconds: float, rng: np.random.Generator) -> bool:
    "Run something in a process of its own and kill it at a random moment; was it still at work?"
    if (pid := os.fork()) == 0:
        try: work()
        finally: os._exit(0)
    time.sleep(rng.uniform(0, seconds))
    done, _ = os.waitpid(pid, os.WNOHANG)
    if not done:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return not done


def duration(work: Callable[[], None]) -> float:
    "Seconds that a piece of work takes in a process of its own"
    start = time.perf_counter()
    if (pid := os.fork()) == 0:
        try: work()
        finally: os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - start


def kill_writers(folder: Path, n: int, rng: np.random.Generator) -> Counter:
    "A writer of version 2 is killed over a file of version 1; what stands there must be one of the two, whole"
    path, tables, seen = folder / "events.hdf5", {1: events(1), 2: events(2)}, Counter()
    took = duration(lambda: stream(folder / "trial.hdf5", tables[1]))
    stream(path, tables[1])
    current = 1
    for _ in range(n):
        seen["killed"] += killed(lambda: stream(path, tables[3 - current]), 1.1*took, rng)  # noqa: B023
        report = check_foldfile(path)
        with FoldYielder(path) as fy:
            versions = set(fy.get_column("version").tolist()) | set(fy.get_ragged("jets").values.ravel().tolist())
            whole = report.ok and fy.get_data_count() == N and len(versions) == 1
        seen["lost"] += not whole
        new = int(next(iter(versions)))
        seen["replaced"] += new != current
        current = new
        named = {p.name for p in folder.iterdir() if p.suffix == ".hdf5" and not p.name.startswith(".")}
        seen["half-written under a final name"] += named != {"events.hdf5", "trial.hdf5"}
    return seen


def kill_predictors(folder: Path, n: int, rng: np.random.Generator) -> Counter:
    "`Model.predict` is killed; the data, an earlier prediction, and each column of predictions must be whole"
    path, seen = folder / "data.hdf5", Counter()
    df2foldfile(events(1).drop(columns=["jet_pt"]), FOLDS, ["a", "b"], [], "target", path, "int", wgt_feat="weight")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    model = Model(ModelBuilder("binary", cont_feats=["a", "b"], n_out=1), seed=0)
    with FoldYielder(path) as fy: model.predict(fy, pred_name="first")
    with FoldYielder(path) as fy: first = fy.get_column("first")

    def predict() -> None:
        with FoldYielder(path) as fy:
            for k in range(4): model.predict(fy, pred_name=f"pred_{k}")

    took = duration(predict)
    for _ in range(n):
        seen["killed"] += killed(predict, 1.1*took, rng)
        lost = hashlib.sha256(path.read_bytes()).hexdigest() != before
        with FoldYielder(path) as fy:
            cols = [c for c in fy.columns() if c.startswith("pred_")]
            lost |= not np.array_equal(fy.get_column("first"), first) or any(not np.array_equal(fy.get_column(c), first) for c in cols)
        seen["lost"] += lost
        seen["new columns seen"] = max(seen["new columns seen"], len(cols))
    return seen


def read_beside_writer(folder: Path, seconds: float) -> Counter:
    "Two processes read a file, and its predictions, while a third saves predictions"
    path, out = folder / "data.hdf5", Counter()
    with FoldYielder(path) as fy: truth = [float(fy.get_fold(i)["inputs"].sum()) for i in range(FOLDS)]

    def reader() -> None:
        end, n = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            with FoldYielder(path, cache_mb=0) as fy:
                for i in range(FOLDS):
                    if float(fy.get_fold(i)["inputs"].sum()) != truth[i]: os._exit(3)
                if "round" in fy.columns() and len(set(fy.get_column("round").tolist())) != 1: os._exit(4)
            n += 1
        os._exit(0 if n > 2 else 5)

    def saver() -> None:
        end, k = time.perf_counter() + seconds, 0
        with FoldYielder(path) as fy:
            while time.perf_counter() < end:
                fy.save_preds({i: np.full(fy.get_data_count(i), k, np.float32) for i in range(FOLDS)}, "round")
                k += 1
        os._exit(0 if k > 2 else 6)

    pids = {}
    for work in (reader, reader, saver):
        if (pid := os.fork()) == 0:
            try: work()
            finally: os._exit(7)
        pids[pid] = work.__name__
    for pid, name in pids.items():
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out["processes"] += 1
        out["lost"] += code != 0
        if code: print(f"{name} ended with {code}")
    return out


def main() -> int:
    "All three parts"
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kills", type=int, default=60, help="kills of each kind")
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.set_num_threads(1)
    rng, bad = make_rng(args.seed), 0
    with tempfile.TemporaryDirectory() as tmp:
        parts = [("writing a fold file", kill_writers, args.kills), ("Model.predict", kill_predictors, args.kills)]
        for name, part, n in parts:
            (folder := Path(tmp) / part.__name__).mkdir()
            seen = part(folder, n, rng)
            bad += seen["lost"] + seen["half-written under a final name"]
            print(f"{name}: {n} runs, " + ", ".join(f"{k} {v}" for k, v in seen.items()), flush=True)
        seen = read_beside_writer(Path(tmp) / "kill_predictors", 5.)
        bad += seen["lost"]
        print("two readers beside one that saves predictions: " + ", ".join(f"{k} {v}" for k, v in seen.items()))
    print("FAILED" if bad else "PASSED")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
