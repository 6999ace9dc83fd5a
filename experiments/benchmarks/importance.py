"""What permutation importance costs: python experiments/benchmarks/importance.py [--venv FOLDER WITH LUMIN 0.9.1] [--profile]

100,000 weighted events of 30 features in ten folds, one network of four layers of 100 neurons (and others, see --nets), one shuffle per feature and fold,
one thread (more with --threads): ours by default, ours in float32 alone, and LUMIN 0.9.1 (from PyPI, in its own venv) with the same weights,
in turns. CPU time of all processes is compared, since the machine may be shared, and wall-clock time. Asked for: at least 10 times less than
LUMIN's, and the same values within errors.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lumin_nb.data.foldfile import df2foldfile
from lumin_nb.data.yielder import FoldYielder
from lumin_nb.nn.builder import ModelBuilder
from lumin_nb.toy import cache_folder
from lumin_nb.train.interpret import feat_importance
from lumin_nb.train.model import Model

HERE, FEATS = Path(__file__).resolve().parent, [f"x{i}" for i in range(30)]


def make(n: int, folder: Path) -> Path:
    "A fold file of planted classes: features from telling to mute"
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    df = pd.DataFrame(rng.normal(size=(n, 30)).astype("f4") + np.linspace(0.6, 0, 30) * y[:, None], columns=FEATS)
    return df2foldfile(df.assign(label=y, w=rng.uniform(0.5, 1.5, n)), 10, FEATS, [], "label", folder / "train.hdf5", "int", strat_key="label", wgt_feat="w")


def in_lumin(venv: Path, job: dict) -> dict:
    "Importance in LUMIN's venv"
    out = Path(job["out"])
    (out / "job.json").write_text(json.dumps(job))
    env = os.environ | {"PYTHONPATH": str(venv.absolute() / "stand_ins"), "OMP_NUM_THREADS": str(job["threads"]), "MPLBACKEND": "agg"}
    cmd = [venv.absolute() / "bin" / "python", "-W", "ignore", HERE / "importance_in_lumin.py", out / "job.json"]
    done = subprocess.run(cmd, cwd=out, env=env, capture_output=True, text=True)
    if done.returncode: raise RuntimeError(f"LUMIN failed: {done.stderr[-2000:]}")
    if job["profile"]: print("\n".join(line for line in done.stdout.splitlines() if line.strip()))
    return json.loads((out / "answer.json").read_text())


def ours(model: Model, path: Path, precision: str | None, seed: int = 0) -> tuple[float, float, pd.DataFrame]:
    "CPU time, wall-clock time and table of ours; the file is opened anew, so that nothing is remembered"
    with FoldYielder(path) as fy:
        cpu, wall = time.process_time(), time.perf_counter()
        table = feat_importance(model, fy, n_repeats=1, precision=precision, seed=seed)
        return time.process_time() - cpu, time.perf_counter() - wall, table.set_index("Feature").loc[FEATS]


def compare(table: pd.DataFrame, theirs: dict) -> str:
    "How far the values are from each other, in units of the errors of the means over folds"
    a, b = table.Importance.to_numpy(), np.array(theirs["importance"])
    unc = np.hypot(table.Uncertainty, np.array(theirs["spread"]) / 10**0.5)
    pull = (a - b) / unc
    return f"{np.abs(pull).max():.2f} errors apart at most, rms {np.sqrt(np.mean(pull**2)):.2f}; largest importance {a.max():.3f} and {b.max():.3f}"


def run(tmp: Path, path: Path, venv: Path, act: str, depth: int, width: int, repeat: int, threads: int, profile: bool) -> None:
    "One network"
    body = {"depth": depth, "width": width, "act": act}
    model = Model(ModelBuilder("binary", 1, FEATS, model_args={"body": body}, opt_args={"opt": "adam", "lr": 2e-3}), seed=0, device="cpu")
    with FoldYielder(path) as fy: model.fit(1, fy, 256, trn_idxs=[1, 2, 3], seed=0)
    weights = {k: v for k, v in model.get_weights().items() if k.endswith(("weight", "bias"))}
    np.savez(tmp / "weights.npz", **{f"{i:03d}": v.numpy() for i, v in enumerate(weights.values())})
    job = dict(train=str(path), weights=str(tmp / "weights.npz"), body=body, seed=0, threads=threads, out=str(tmp), profile=False)
    cpu = {"default": [], "float32": [], "LUMIN": []}
    for k in range(repeat):
        for how, precision in (("default", None), ("float32", "float32")):
            seconds, wall, table = ours(model, path, precision)
            cpu[how].append((seconds, wall, table))
        if venv.exists(): cpu["LUMIN"].append(in_lumin(venv, job | {"profile": profile and not k}))
    name = f"{depth} x {width} {act}"
    mean = {how: statistics.median(c[0] for c in cpu[how]) for how in ("default", "float32")}
    print(f"{name}: CPU time of ours {mean['default']:.2f} s, in float32 {mean['float32']:.2f} s", flush=True)
    for how in ("default", "float32"):
        if not cpu["LUMIN"]: continue
        r, w = ([t[k] / c[i] for c, t in zip(cpu[how], cpu["LUMIN"])] for i, k in enumerate(("cpu", "wall")))
        print(f"{name}, {how}: LUMIN / ours = {statistics.median(r):.1f} ({min(r):.1f} to {max(r):.1f}) in CPU time, "
              f"{statistics.median(w):.1f} in wall-clock time; at least 10 is asked for. Values: {compare(cpu[how][0][2], cpu['LUMIN'][0])}", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--venv", type=Path, default=cache_folder() / "lumin-0.9.1-venv", help="where LUMIN 0.9.1 is installed")
    p.add_argument("--nets", nargs="+", default=["relu,4,100", "swish,3,100", "relu,2,50"], help="activation, depth, width")
    p.add_argument("--events", type=int, default=100_000)
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--threads", type=int, default=1, help="of torch, for all")
    p.add_argument("--profile", action="store_true", help="where LUMIN spends its time")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as tmp:
        path = make(args.events, Path(tmp))
        for net in args.nets:
            act, depth, width = net.split(",")
            run(Path(tmp), path, args.venv, act, int(depth), int(width), args.repeat, args.threads, args.profile)
