"""What the data layer costs, as ratios within one run: python experiments/benchmarks/data.py [--venv FOLDER WITH LUMIN 0.9.1]

Batches from memory against PyTorch's DataLoader; an epoch of the demo network read from the disk against one from memory; augmentation and
the AMS scan against LUMIN, in its own environment (`experiments/lumin_interop/run.py` makes it; without, the two are left out).
Measurements alternate, and the median ratio counts. The exit code is 1 if a requirement is not met. Streaming in constant memory: `stream.py`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, TensorDataset

from lumin_nb.core import make_rng
from lumin_nb.data.augment import HEPAugFoldYielder
from lumin_nb.data.batch import BatchYielder, FoldDataset
from lumin_nb.data.foldfile import df2foldfile
from lumin_nb.data.yielder import FoldYielder
from lumin_nb.demo import recipe
from lumin_nb.score import ams_scan
from lumin_nb.toy import cache_folder
from lumin_nb.train.callback import Callback
from lumin_nb.train.model import Model

torch.set_num_threads(1)
TMP = Path(tempfile.mkdtemp())
HERE = Path(__file__).parent


def in_turn(*calls: Callable, n: int, clock: Callable = time.process_time) -> np.ndarray:
    "Seconds of each call, shape (len(calls), n); they take turns, after one that is not counted"
    out = np.zeros((len(calls), n + 1))
    for k in range(n + 1):
        for i, f in enumerate(calls):
            start = clock()
            f()
            out[i, k] = clock() - start
    return out[:, 1:]


def batches(bs: int, n: int = 50_000, n_feats: int = 36) -> np.ndarray:
    "Seconds per event of our batches, of those of a FoldDataset, and of the DataLoader's, shuffled, from memory"
    rng = make_rng(0)
    x, y, w = (rng.normal(size=(n, k)).astype(np.float32) for k in (n_feats, 1, 1))
    loader = DataLoader(TensorDataset(*map(torch.from_numpy, (x, y, w))), batch_size=bs, shuffle=True)
    df = pd.DataFrame(x, columns=[f"x{i}" for i in range(n_feats)]).assign(y=y, w=w)
    fy = FoldYielder(df2foldfile(df, 5, list(df)[:-2], [], "y", TMP / f"batches_{bs}", "float32", wgt_feat="w"))
    ready = DataLoader(FoldDataset(fy, bs, seed=0), batch_size=None)

    def read(make: Callable, passes: int) -> None:
        for _ in range(passes):
            for _ in make(): pass

    passes = np.array([[20], [10], [1]])  # So that each measurement lasts about as long: throughput, not the first touch of cold memory
    makes = (lambda: BatchYielder(x, bs, "regression", y, w, seed=0), lambda: ready, lambda: loader)
    return in_turn(*(lambda m=m, k=k: read(m, k) for m, (k,) in zip(makes, passes)), n=5) / n / passes


class Watch(Callback):
    "Seconds, and those of this thread's processor, of each epoch with its validation; before, the system's own copy of the file is dropped"

    def on_epoch_begin(self) -> None:
        if self.fp.state == "valid": return
        if hasattr(os, "posix_fadvise"):
            with open(self.fp.fy.path, "rb") as f: os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.start = np.array([time.perf_counter(), time.thread_time()])

    def on_epoch_end(self) -> None:
        if self.fp.state == "valid": self.seconds = np.array([time.perf_counter(), time.thread_time()]) - self.start


def epochs(n: int = 54_000, n_feats: int = 36, repeat: int = 15) -> np.ndarray:
    "Seconds of the second epoch of the demo network, by the clock and by the processor, folds from memory and from the disk, shape (2, 2, repeat)"
    rng, feats = make_rng(0), [f"x{i}" for i in range(n_feats)]
    y = rng.integers(0, 2, n)
    df = pd.DataFrame(rng.normal(size=(n, n_feats)) + 0.2 * y[:, None], columns=feats).assign(label=y, w=rng.uniform(0.5, 1.5, n))
    path = df2foldfile(df, 10, feats, [], "label", TMP / "epochs", "int", strat_key="label", wgt_feat="w")
    out, yielders = np.zeros((2, 2, repeat)), (FoldYielder(path), FoldYielder(path, cache_mb=0))
    for k in range(repeat):
        for i in (0, 1) if k % 2 else (1, 0):
            (watch,) = Model(recipe(yielders[i]), seed=0).fit(2, yielders[i], 128, val_idx=0, cbs=Watch(), seed=0)
            out[:, i, k] = watch.seconds
    return out


def ours_and_lumins(venv: Path, n: int = 20_000, n_scan: int = 1_000_000) -> tuple[dict, dict] | None:
    "Seconds per event of reading a fold, reading and augmenting one, and of the AMS scan: ours and LUMIN's; None without LUMIN"
    exe = venv.absolute() / "bin" / "python"
    if not exe.exists(): return None
    rng = make_rng(0)
    feats = [f"v{i}_{k}" for i in range(8) for k in ("px", "py", "pz")] + [f"h{i}" for i in range(6)]
    x, y, targ = rng.normal(size=(2 * n, len(feats))).astype(np.float32), rng.integers(0, 2, 2 * n), rng.integers(0, 2, n_scan)
    scan = {"score": rng.normal(0.3 * targ).astype(np.float32), "targ": targ, "wgt": rng.uniform(0.5, 1.5, n_scan) * np.where(targ, 0.01, 1)}
    theirs = {k: v[:100_000] for k, v in scan.items()}  # LUMIN's scan is linear in the events, and takes too long for all
    np.savez(TMP / "lumin.npz", feats=feats, x=x, y=y, w=np.ones(2 * n), **theirs)
    env = os.environ | {"PYTHONPATH": str(venv.absolute() / "stand_ins"), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run([exe, "-W", "ignore", HERE / "in_lumin.py"], cwd=TMP, env=env, capture_output=True, text=True)
    if done.returncode: sys.exit(f"in_lumin.py failed:\n{done.stderr[-3000:]}")
    df = pd.DataFrame(x, columns=feats).assign(y=y, w=1.0)
    path = df2foldfile(df, 2, feats, [], "y", TMP / "aug", "int", wgt_feat="w")
    plain, aug = FoldYielder(path), HEPAugFoldYielder(path, rot_mult=4, reflect_y=True, reflect_z=True, scaled=False)
    t = np.median(in_turn(lambda: plain.get_fold(0), lambda: aug.get_fold(0, train=True), lambda: ams_scan(**scan, br=10), n=9), 1)
    return {"read": t[0] / n, "augment": t[1] / n, "ams": t[2] / n_scan}, json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    p.add_argument("--venv", type=Path, default=cache_folder() / "lumin-0.9.1-venv", help="where LUMIN 0.9.1 is installed")
    args = p.parse_args()
    rows: list[tuple[str, str, str, bool]] = []
    for bs in (256, 2048):
        by, ds, loader = batches(bs)
        ratio, other = np.median(loader / by), np.median(loader / ds)
        rows.append((f"batches of {bs}: DataLoader / BatchYielder", ">= 40", f"{ratio:.0f}  ({np.median(by) * 1e9:.0f} ns per event)", ratio >= 40))
        rows.append((f"batches of {bs}: DataLoader / FoldDataset, from folds", "", f"{other:.0f}", True))
    (memory, disk), (cpu_memory, cpu_disk) = epochs()
    ratio, other = np.median(disk / memory), np.median(cpu_disk / cpu_memory)
    rows.append(("epoch of the demo network: from disk / from memory", "<= 1.05", f"{ratio:.3f}  ({np.median(memory):.2f} s)", ratio <= 1.05))
    rows.append(("the same, processor time of the training thread", "", f"{other:.3f}", True))
    both = ours_and_lumins(args.venv)
    if both is None: print(f"No LUMIN in {args.venv}: augmentation and AMS scan are left out")
    else:
        ours, lumins = both
        net = (lumins["augment"] - lumins["read"]) / (ours["augment"] - ours["read"])
        gross, ams = lumins["augment"] / ours["augment"], lumins["ams"] / ours["ams"]
        rows.append(("augmentation alone: LUMIN / ours, per event", ">= 20", f"{net:.0f}", net >= 20))
        rows.append(("augmented fold, with reading: LUMIN / ours, per event", "", f"{gross:.0f}  ({ours['augment'] * 1e9:.0f} ns per event)", True))
        rows.append(("AMS scan of 10^6 events: LUMIN, quick / ours, per event", ">= 100", f"{ams:.0f}  ({ours['ams'] * 1e9:.0f} ns per event)", ams >= 100))
        rows.append(("AMS scan: LUMIN, slow (exact, as ours is) / ours", "", f"{lumins['ams_exact'] / ours['ams']:.0f}", True))
    width = max(len(r[0]) for r in rows)
    print(f"{f'load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores':{width}}  required  measured")
    for name, need, got, ok in rows: print(f"{name:{width}}  {need:8}  {got}{'' if ok else '   NOT MET'}")
    sys.exit(not all(ok for *_, ok in rows))
