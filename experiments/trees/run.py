"""Networks against boosted trees: the same events, features, split and weights; AUC on held-out events.

python experiments/trees/run.py [--data htautau higgsml] [--seeds 3] [--out FOLDER]

Networks: the ensemble of `lumin_demo`. Trees: scikit-learn's HistGradientBoostingClassifier and LightGBM, early stopping on a tenth of the
training events, missing values left to them. Trees see the features as they are (a logarithm changes nothing for them).
The error of a difference is from a bootstrap of held-out events, the same replicas for both methods.
"""

import argparse
import warnings
import tempfile
import time
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from lumin_nb.core import bootstrap, round_unc
from lumin_nb.data.foldfile import split_folds
from lumin_nb.demo import LOADERS, prepare, train
from lumin_nb.score import roc_auc
from lumin_nb.train.ensemble import Ensemble


warnings.filterwarnings("ignore", message=".*eval_set.*|.*feature names.*")


def trees(x: pd.DataFrame, y: np.ndarray, w: np.ndarray, new: pd.DataFrame, seed: int) -> dict[str, np.ndarray]:
    "Scores of two kinds of boosted trees for `new`; both stop early on a tenth of `x`"
    hgb = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=1000, early_stopping=True, validation_fraction=0.1, random_state=seed)
    val = split_folds(len(y), 10, y, seed=seed)[0]
    trn = np.setdiff1d(np.arange(len(y)), val)
    gbm = lgb.LGBMClassifier(n_estimators=2000, learning_rate=0.03, num_leaves=31, min_child_samples=50, subsample=0.8, subsample_freq=1,
                             colsample_bytree=0.6, n_jobs=1, verbose=-1, random_state=seed)
    gbm.fit(x.iloc[trn], y[trn], w[trn], eval_set=[(x.iloc[val], y[val])], eval_sample_weight=[w[val]], eval_metric="auc",
            callbacks=[lgb.early_stopping(50, verbose=False)])
    return {"scikit-learn": hgb.fit(x, y, w).predict_proba(new)[:, 1], "LightGBM": gbm.predict_proba(new)[:, 1]}


def compare(data: str, seed: int, out: Path) -> list[dict]:
    "One row per method for one split"
    task = LOADERS[data]()
    trn, held = prepare(task, out, seed=seed)
    start = time.perf_counter()
    Ensemble.from_results(train(trn, out / "models", seed=seed, br=task.br, verbose=0)).predict(held)
    sec = time.perf_counter() - start
    tr, te = (fy.get_df(misc_feats=["row"]) for fy in (trn, held))
    cols, start = [*task.cont_feats, "n_jets"], time.perf_counter()
    x, new = task.df.loc[tr.row, cols], task.df.loc[te.row, cols]
    scores = {"networks": te.pred.to_numpy()} | trees(x, tr.gen_target.to_numpy(), tr.gen_weight.to_numpy(), new, seed)
    y, w = te.gen_target.to_numpy(), te.gen_weight.to_numpy()
    rows = []
    for name, s in scores.items():
        auc = roc_auc(s, y, w)
        diff = bootstrap(lambda a, b, t, v: roc_auc(a, t, v) - roc_auc(b, t, v), scores["networks"], s, y, w, n=100)
        gap = np.nan if name == "networks" else rows[0]["AUC"] - auc
        rows.append({"data": data, "seed": seed, "method": name, "AUC": auc, "networks - it": gap, "error": diff.std(ddof=1)})
    print(pd.DataFrame(rows).to_string(index=False), f"\nnetworks {sec:.0f} s, both trees {time.perf_counter() - start:.0f} s\n", flush=True)
    return rows


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", nargs="+", default=list(LOADERS))
    ap.add_argument("--seeds", type=int, default=3)
    ap.add_argument("--out", type=Path)
    a = ap.parse_args()
    torch.set_num_threads(1)
    out = a.out or Path(tempfile.mkdtemp())
    table = pd.DataFrame([r for d in a.data for s in range(a.seeds) for r in compare(d, s, out / f"{d}_{s}")])
    for (d, m), g in table.groupby(["data", "method"], sort=False):
        n = len(g) ** 0.5
        gap = "" if m == "networks" else f"   networks - it {g['networks - it'].mean():+.4f}, smallest {g['networks - it'].min():+.4f}"
        print(f"{d:8} {m:12} AUC {round_unc(g.AUC.mean(), g.AUC.std() / n)}{gap}")
