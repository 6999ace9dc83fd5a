"""Model.fit against a bare PyTorch loop on the same work, in turn, in processor time: python experiments/benchmarks/loop.py

54,000 events of 36 features in ten folds; the network of `lumin_demo`; nine folds to train on, one to validate on; weights.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from lumin_nb.data.foldfile import df2foldfile
from lumin_nb.data.yielder import FoldYielder
from lumin_nb.nn.builder import ModelBuilder
from lumin_nb.train.model import Model

torch.set_num_threads(1)
rng, feats = np.random.default_rng(0), [f"x{i}" for i in range(36)]
y = rng.integers(0, 2, 54_000)
df = pd.DataFrame(rng.normal(size=(len(y), 36)) + 0.2 * y[:, None], columns=feats).assign(label=y, w=rng.uniform(0.5, 1.5, len(y)))
fy = FoldYielder(df2foldfile(df, 10, feats, [], "label", Path(tempfile.mkdtemp()) / "train", "int", strat_key="label", wgt_feat="w"))
builder = ModelBuilder("binary", 1, feats, model_args={"body": {"depth": 3, "width": 64, "act": "swish"}})
folds = [[torch.tensor(d[k], dtype=torch.float32) for k in ("inputs", "targets", "weights")] for d in fy]


def bare(bs: int) -> None:
    "One epoch, and the validation fold, with nothing around it"
    net, opt, loss = builder.get_model(0)
    net.train()
    for fold in folds[1:]:
        perm = torch.randperm(len(fold[0]))
        x, t, w = (a[perm] for a in fold)
        for i in range(0, len(x) - bs + 1, bs):
            out = loss(net(x[i : i + bs]), t[i : i + bs], w[i : i + bs])
            opt.zero_grad()
            out.backward()
            opt.step()
    net.eval()
    with torch.no_grad():
        loss(net(folds[0][0]), *folds[0][1:])


def timed(f, *args) -> float:
    "Processor seconds"
    start = time.process_time()
    f(*args)
    return time.process_time() - start


def ours(bs: int) -> None:
    "The same through `Model.fit`"
    Model(builder, seed=0).fit(1, fy, bs, val_idx=0, seed=0)


if __name__ == "__main__":
    for bs in (128, 256):
        ours(bs), bare(bs)
        ratios = [timed(ours, bs) / timed(bare, bs) for _ in range(9)]
        print(f"{bs} events per batch: fit / bare loop = {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
