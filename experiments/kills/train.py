"""A training killed at random batches and gone on with until it ends: the end must be that of the uninterrupted training, bit for bit.

python experiments/kills/train.py [--kills N] [--seed N]

One-cycle schedule, averaged weights, bootstrapped folds, early stopping, best weights, metrics, dropout, batch norm and event weights are all on.
Trainings run in processes of their own that kill themselves (SIGKILL) in the middle of an event of the loop: in the first batch, in the last,
while validating, and anywhere; checkpoints are written every update, every few, or once per epoch. Some are killed from outside at a random moment
of the clock, so also in the middle of writing; some get SIGTERM. A process that starts makes everything anew but the files. At the end hashes of
weights, optimiser, history and predictions are compared. The exit code is 1 if one of them differs, if a kill at a
batch did not happen, if no kill by the clock hit a training, or if the uninterrupted one was not stopped early.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lumin_nb.core import make_rng
from lumin_nb.data.foldfile import df2foldfile
from lumin_nb.data.yielder import FoldYielder
from lumin_nb.nn.builder import ModelBuilder
from lumin_nb.state import pack
from lumin_nb.train.callback import Callback
from lumin_nb.train.model import Model
from lumin_nb.train.monitor import EarlyStopping, MetricLogger, RocAucScore, SaveBest
from lumin_nb.train.recipe import BootstrapResample, GradClip
from lumin_nb.train.schedule import SWA, OneCycle

FEATS, EPOCHS, BS = [f"x{i}" for i in range(6)], 14, 50
MOMENTS = {"train": ("on_fold_begin", "on_batch_begin", "on_forwards_end", "on_backwards_end", "on_batch_end", "on_fold_end", "on_epoch_end"),
           "valid": ("on_epoch_begin", "on_batch_begin", "on_forwards_end", "on_epoch_end")}


class Killer(Callback):
    "Sends a signal to its own process at one moment of the training"
    order = 18  # In the midst of the others

    def __init__(self, where: tuple[str, str, int] | None, how: int):
        self.where, self.how = where, how

    def now(self, event: str) -> None:
        "Is this the moment?"
        fp = self.fp
        if self.where is None or (fp.state, event) != self.where[:2] or fp.step < self.where[2]: return
        self.where = None
        os.kill(os.getpid(), self.how)


for _e in {e for es in MOMENTS.values() for e in es}: setattr(Killer, _e, lambda self, e=_e: self.now(e))


def callbacks(where: tuple | None, how: int) -> list[Callback]:
    "All of them, made anew"
    return [OneCycle((1, 2), (1e-4, 3e-2, 1e-2), cycle_ends_training=False), BootstrapResample(bag_each_time=True), SWA(start_epoch=3), GradClip(1.),
            RocAucScore(), MetricLogger(False, False), SaveBest(), EarlyStopping(2), Killer(where, how)]


def train(folder: Path, every: int | None, where: tuple | None = None, how: int = signal.SIGKILL) -> None:
    "Train, or go on; write what came out"
    with FoldYielder(folder.parent / "data.hdf5") as fy:
        recipe = ModelBuilder("binary", 1, FEATS, model_args={"body": {"depth": 3, "width": 24, "do": .1, "bn": True}}, opt_args={"weight_decay": 1e-4})
        model = Model(recipe, seed=1, device="cpu")
        cbs = callbacks(where, how)
        model.fit(EPOCHS, fy, BS, val_idx=0, cbs=cbs, seed=2, checkpoint=folder, every=every, resume=True)
        log = next(c for c in cbs if isinstance(c, MetricLogger))
        x = make_rng(3).normal(size=(1000, len(FEATS))).astype("f4")
        parts = {"weights": model.get_weights(), "optimiser": model.opt.state_dict(), "history": log.history, "predictions": model.predict(x)}
        out = {k: fingerprint(v) for k, v in parts.items()} | {"epochs": len(log.history["train"])}
    (folder / "end.json").write_text(json.dumps(out))


def fingerprint(nest: object) -> str:
    "SHA-256 of every bit of nested state"
    structure, tensors = pack(nest)
    h = hashlib.sha256(json.dumps(structure).encode())
    for k in sorted(tensors): h.update(k.encode() + tensors[k].contiguous().numpy().tobytes())
    return h.hexdigest()


def in_process(*args: object, after: float | None = None) -> int:
    "Train in a process of its own; kill it after some seconds, if asked to. Its exit code; minus the signal that ended it"
    if (pid := os.fork()) == 0:
        try: train(*args)
        except SystemExit as e: os._exit(e.code)
        except BaseException as e:
            print(f"{type(e).__name__}: {e}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if after is not None:
        end = time.perf_counter() + after
        while time.perf_counter() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done: return os.waitstatus_to_exitcode(status)
            time.sleep(.002)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def moment(rng: np.random.Generator, steps: int) -> tuple[str, str, int]:
    "Somewhere in a training of so many updates; validation a third of the time"
    state = "valid" if rng.random() < 1/3 else "train"
    return state, str(rng.choice(MOMENTS[state])), int(rng.integers(steps))


def trial(folder: Path, kills: list[tuple | float], how: int, every: int | None, want: dict, seen: Counter) -> None:
    "One training with several kills; by the clock, the later ones may come after its end"
    before = seen["killed"]
    for kill in kills:
        code = in_process(folder, every, None, how, after=kill) if isinstance(kill, float) else in_process(folder, every, kill, how)
        hit = code == (-how if how == signal.SIGKILL else 143)
        seen["killed"] += hit
        seen["other failures"] += code != 0 and not hit
        seen["kills that did not happen"] += code == 0 and not isinstance(kill, float)
        if code == 0: break
    else: seen["other failures"] += in_process(folder, every) != 0
    seen["trainings without a kill"] += seen["killed"] == before
    got = json.loads((folder / "end.json").read_text()) if (folder / "end.json").exists() else {}
    if differs := [k for k in want if got.get(k) != want[k]]: print(f"after {kills}, every={every}: other {', '.join(differs)}", flush=True)
    seen["trainings"] += 1
    seen["different"] += bool(differs)


def main() -> int:
    "Kills of three kinds"
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kills", type=int, default=20, help="kills at random batches; a quarter as many by the clock, and as many by SIGTERM")
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.set_num_threads(1)
    rng, total = make_rng(args.seed), Counter()
    with tempfile.TemporaryDirectory() as tmp:
        root, y = Path(tmp), np.arange(3000) % 2
        df = pd.DataFrame(rng.normal(size=(3000, 6)) + .5*y[:, None], columns=FEATS).assign(target=y, weight=rng.uniform(.5, 2, 3000))
        df2foldfile(df, 5, FEATS, [], "target", root / "data.hdf5", "int", wgt_feat="weight", strat_key="target")
        start = time.perf_counter()
        if in_process(root / "whole", None): return 1
        took = time.perf_counter() - start
        want = json.loads((root / "whole" / "end.json").read_text())
        if want["epochs"] == EPOCHS: sys.exit("FAILED: EarlyStopping did not stop the uninterrupted training, so nothing of it is tested")
        steps = want["epochs"]*4*(600//BS)
        extremes = [("train", "on_fold_begin", 0), ("train", "on_batch_begin", 0), ("train", "on_batch_end", steps),
                    ("valid", "on_forwards_end", steps), ("valid", "on_epoch_end", steps)]
        batches = sorted([*extremes, *(moment(rng, steps) for _ in range(max(args.kills - len(extremes), 0)))], key=lambda m: m[2])
        few = max(args.kills//4, 1)
        plans = {"SIGKILL at random batches": (batches, signal.SIGKILL),
                 "SIGKILL by the clock": ([float(rng.uniform(.1, .7)*took) for _ in range(few)], signal.SIGKILL),
                 "SIGTERM at random batches": (sorted((moment(rng, steps) for _ in range(few)), key=lambda m: m[2]), signal.SIGTERM)}
        for i, (name, (kills, how)) in enumerate(plans.items()):
            seen = Counter()
            for j, every in enumerate((None, 1, 7, 60)):
                if mine := kills[j::4]: trial(root / f"{i}_{j}", mine, how, every, want, seen)
            print(f"{name}: " + ", ".join(f"{k} {v}" for k, v in seen.items()), flush=True)
            total += seen
    bad = total["different"] + total["other failures"] + total["kills that did not happen"] + total["trainings without a kill"]
    print(f"{'FAILED' if bad else 'PASSED'}: {total['trainings']} trainings of {want['epochs']} epochs, killed {total['killed']} times, "
          f"{total['different']} ended otherwise than the uninterrupted one")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
