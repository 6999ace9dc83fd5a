"""What training costs, as ratios within one run: python experiments/benchmarks/train.py [--venv FOLDER WITH LUMIN 0.9.1] [--parts loop import ensemble]

200,000 (loop) or 50,000 (ensembles) events of 30 features in ten folds, with weights; four layers of 100 neurons, Adam, one cycle of the learning rate.
loop:     `Model.fit` with OneCycle, MetricLogger, SaveBest and EarlyStopping against a loop written by hand: the same batches, loss and fused optimiser.
import:   what `import lumin_nb...` costs, against LUMIN's modules for the same job, each in its own venv.
ensemble: ten models: every strategy of ours, and LUMIN 0.9.1 (from PyPI, in its own venv), on one fold file.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lumin_nb.data.foldfile import df2foldfile
from lumin_nb.data.yielder import FoldYielder
from lumin_nb.nn.builder import ModelBuilder
from lumin_nb.toy import cache_folder
from lumin_nb.train.ensemble import train_models
from lumin_nb.train.model import Model
from lumin_nb.train.monitor import EarlyStopping, MetricLogger, SaveBest
from lumin_nb.train.schedule import OneCycle

HERE, FEATS = Path(__file__).resolve().parent, [f"x{i}" for i in range(30)]
BODY, LRS, MOMS = {"depth": 4, "width": 100, "act": "relu"}, (1e-4, 1e-2), (0.85, 0.95)


def make(n: int, folder: Path) -> Path:
    "A fold file of planted classes"
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    df = pd.DataFrame(rng.normal(size=(n, 30)).astype("f4") + 0.2 * y[:, None], columns=FEATS)
    return df2foldfile(df.assign(label=y, w=rng.uniform(0.5, 1.5, n)), 10, FEATS, [], "label", folder / f"train_{n}", "int", strat_key="label", wgt_feat="w")


def recipe() -> ModelBuilder:
    "The network of the benchmark"
    return ModelBuilder("binary", 1, FEATS, model_args={"body": BODY}, opt_args={"opt": "adam", "lr": 1e-3})


def bare(folds: list, bs: int, n_epochs: int) -> None:
    "Training and validation with nothing around them"
    net = recipe().build_model(0)
    opt, loss = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True), torch.nn.functional.binary_cross_entropy_with_logits
    for _ in range(n_epochs):
        net.train()
        for i in torch.randperm(9).tolist():
            perm = torch.randperm(len(folds[i + 1][0]))
            x, t, w = (a[perm] for a in folds[i + 1])
            for j in range(0, len(x) - bs + 1, bs):
                out = loss(net(x[j : j + bs]), t[j : j + bs], w[j : j + bs])
                opt.zero_grad()
                out.backward()
                opt.step()
        net.eval()
        with torch.no_grad():
            loss(net(folds[0][0]), *folds[0][1:])


def ours(fy: FoldYielder, bs: int, n_epochs: int) -> None:
    "The same with the usual callbacks"
    cbs = [OneCycle((n_epochs / 3, n_epochs * 2 / 3), LRS, MOMS), MetricLogger(False, verbose=False), SaveBest(), EarlyStopping(n_epochs)]
    Model(recipe(), seed=0).fit(n_epochs, fy, bs, val_idx=0, cbs=cbs, seed=0)


def timed(f, *args) -> float:
    "Wall-clock seconds"
    start = time.perf_counter()
    f(*args)
    return time.perf_counter() - start


def loop(tmp: Path, n: int, repeat: int) -> None:
    "Model.fit against a bare loop"
    fy = FoldYielder(make(n, tmp))
    folds = [[torch.tensor(d[k], dtype=torch.float32).reshape(len(d["inputs"]), -1) for k in ("inputs", "targets", "weights")] for d in fy]
    for bs, most, share in ((64, 1.10, 5), (256, 1.05, 2), (2048, 1.02, 1)):
        few = FoldYielder(make(n // share, tmp)) if share > 1 else fy
        part = [[t[: len(t) // share] for t in f] for f in folds]
        ours(few, bs, 1), bare(part, bs, 1)
        ratios = [timed(ours, few, bs, 2) / timed(bare, part, bs, 2) for _ in range(repeat)]
        print(f"loop: {bs} events per batch: fit / bare loop = {statistics.median(ratios):.3f} "
              f"({min(ratios):.3f} to {max(ratios):.3f}); at most {most} is asked for", flush=True)


def in_lumin(venv: Path, job: dict) -> dict:
    "Train in LUMIN's venv"
    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    job["train"] = str(shutil.copy(job["train"], out / "train.hdf5"))  # LUMIN opens files for writing
    (out / "job.json").write_text(json.dumps(job))
    env = os.environ | {"PYTHONPATH": str(venv.absolute() / "stand_ins"), "OMP_NUM_THREADS": str(job["threads"]), "MPLBACKEND": "agg"}
    cmd = [venv.absolute() / "bin" / "python", "-W", "ignore", HERE / "train_in_lumin.py", out / "job.json"]
    done = subprocess.run(cmd, cwd=out, env=env, capture_output=True, text=True)
    if done.returncode: raise RuntimeError(f"LUMIN failed: {done.stderr[-2000:]}")
    return json.loads((out / "answer.json").read_text())


def ensemble(tmp: Path, n: int, repeat: int, n_epochs: int, venv: Path, sizes: list[int], threads: int) -> None:
    "Ten models by each strategy, and LUMIN's"
    path = make(n, tmp)
    for bs in sizes:
        sec = {}
        for k in range(repeat):
            for how in ("serial", "stacked", "processes", "auto"):
                args = dict(cb_partials=[partial(OneCycle, (n_epochs / 3, n_epochs * 2 / 3), LRS, MOMS)], live_fdbk=False, verbose=0)
                out = tmp / f"{bs}_{how}_{k}"
                run = partial(train_models, FoldYielder(path), 10, bs, recipe(), n_epochs, savepath=out, seed=k, strategy=how, **args)
                sec.setdefault(how, []).append(timed(run))
            if venv.exists():
                cycle = {"lengths": (n_epochs / 3, n_epochs * 2 / 3), "lr_range": LRS, "mom_range": MOMS}
                job = dict(train=str(path), objective="classification", body=BODY, opt={"opt": "adam", "lr": 1e-3}, n_models=10, bs=bs, n_epochs=n_epochs,
                           cycle=cycle, seed=k, threads=threads, out=str(tmp / f"{bs}_lumin_{k}"))
                sec.setdefault("LUMIN", []).append(in_lumin(venv, job)["seconds"])
        med = {how: statistics.median(s) for how, s in sec.items()}
        ratio = {how: statistics.median(a / b for a, b in zip(s, sec["auto"])) for how, s in sec.items()}
        print(f"ensemble: {bs} events per batch: " + ", ".join(f"{how} {s:.1f} s ({ratio[how]:.2f} x auto)" for how, s in med.items()), flush=True)


def imports(venv: Path, repeat: int) -> None:
    "Seconds to import what a training needs"
    mine = "from lumin_nb.data.yielder import FoldYielder; from lumin_nb.nn.builder import ModelBuilder; from lumin_nb.train.ensemble import train_models"
    theirs = ("from lumin.nn.data.fold_yielder import FoldYielder; from lumin.nn.models.model_builder import ModelBuilder; "
              "from lumin.nn.training.train import train_models")
    env = os.environ | {"PYTHONPATH": str(venv.absolute() / "stand_ins")}
    run = lambda exe, code, env=None: subprocess.run([exe, "-W", "ignore", "-c", code], env=env, check=True, capture_output=True)
    both = [(timed(run, sys.executable, mine), timed(run, venv.absolute() / "bin" / "python", theirs, env)) for _ in range(repeat + 1)][1:]
    a, b = (statistics.median(t) for t in zip(*both))
    print(f"import: ours {a:.2f} s, LUMIN's {b:.2f} s: {statistics.median(x / y for x, y in both):.2f}; less than 0.5 is asked for", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--venv", type=Path, default=cache_folder() / "lumin-0.9.1-venv", help="where LUMIN 0.9.1 is installed")
    p.add_argument("--parts", nargs="+", default=["loop", "import", "ensemble"])
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--events", type=int, default=50_000)
    p.add_argument("--sizes", type=int, nargs="+", default=[256, 2048])
    p.add_argument("--threads", type=int, default=1, help="of torch, for all; processes have one each")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as tmp:
        if "loop" in args.parts: loop(Path(tmp), 200_000, args.repeat)
        if "import" in args.parts and args.venv.exists(): imports(args.venv, args.repeat)
        if "ensemble" in args.parts: ensemble(Path(tmp), args.events, args.repeat, args.epochs, args.venv, args.sizes, args.threads)
