"""Planted truth: what filters and rankings of features keep, drop and rank last, over seeds, where the truth is known.

python experiments/select/planted.py [--seeds 10] [--first 0] [--functions mutual ...] [--events 1500]
    [--objectives classification regression] [--unsigned] [--engine sklearn] [--out FILE.json]

Data: `planted` of lumin_nb.toy: 4 informative features, 4 monotone copies, 3 functions of two others, 4 of noise; 15 % of the weights negative.
'near' adds a noisy copy (noise of a tenth of the width) of every informative feature, so that the linear filter has something to train for.
Columns: copies = families (a feature and its monotone copies) of which more than one is kept, noise = noise features ranked above any other,
lost = informative features that no combination of what is kept carries, dep = functions of others that are left (of 3),
loss = what forests lose on held-out events by going from all features to those kept (AUC or R2), with its paired error; these forests look at all features
at every node (max_features=1), because otherwise a copy counts by being looked at more often, not by what it knows.
pull = loss / its error (mean, worst, number of seeds above 2); near = pairs of a feature and its noisy copy that are both left (of 4).
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from lumin_nb.core import make_rng, round_unc
from lumin_nb.data.filter import auto_filter_on_linear_correlation, auto_filter_on_mutual_dependence
from lumin_nb.data.select import Judge, repeated_rf_rank_features, rf_rank_features
from lumin_nb.toy import planted

LIGHT = {"n_estimators": 20, "optimise_rf": False, "verbose": False}
FUNCTIONS = ["linear", "linear, near", "mutual", "ranking", "repeated"]
SUMS = {0: (1., 1.), 1: (1., -1.), 3: (1., -.8)}  # Functions of two features that are monotone in a sum; the other kind is a length


def table(n: int, objective: str, signed: bool, seed: int) -> tuple[list[pd.DataFrame], dict]:
    "Events to grow on, to score on, and held out; and the role of each feature, 'near' beside"
    df, roles = planted(3*n, objective=objective, signed=signed, seed=seed)
    rng = make_rng(seed + 1000)
    for i in range(4):
        df[f"near{i}"] = df[f"x{i}"] + .1*rng.normal(size=3*n)
        roles[f"near{i}"] = ("near", (f"x{i}",))
    return [df.iloc[i*n:(i+1)*n].reset_index(drop=True) for i in range(3)], roles


def carried(kept: list[str], roles: dict) -> np.ndarray:
    "Which informative features can be computed from those that are kept, shape (feat,)"
    rows = []
    for f in kept:
        role, parents = roles[f]
        row, kind = np.zeros(4), int(f[-1]) % 4
        if role == "informative": row[int(f[1:])] = 1
        elif role in ("copy", "near"): row[int(parents[0][1:])] = 1
        elif role == "dependent" and kind in SUMS: row[[int(p[1:]) for p in parents]] = SUMS[kind]
        rows.append(row)
    a = np.array(rows)
    rank = np.linalg.matrix_rank
    return np.array([rank(np.vstack([a, e])) == rank(a) for e in np.eye(4)])


def families(roles: dict) -> list[set[str]]:
    "Each informative feature with its monotone copies"
    return [{f"x{i}"} | {f for f, (r, p) in roles.items() if r == "copy" and p[0] == f"x{i}"} for i in range(4)]


def verdict(kept: list[str], feats: list[str], roles: dict, judge: Judge, judged_by: str) -> dict:
    "What a selection kept"
    loss, unc = judge.loss(feats, kept, on="val") if set(kept) != set(feats) else (0., 0.)
    return {"kept": len(kept), "copies": sum(len(set(kept) & f) > 1 for f in families(roles)), "lost": int((~carried(kept, roles)).sum()),
            "dep": sum(roles[f][0] == "dependent" for f in kept), "near": sum({f"x{i}", f"near{i}"} <= set(kept) for i in range(4)),
            "loss": loss, "unc": unc, "metric": judged_by}


def above(ranked: list[str], roles: dict) -> int:
    "Noise features that stand above a feature that is none"
    noise = [roles[f][0] == "noise" for f in ranked]
    last_real = max(i for i, n in enumerate(noise) if not n)
    return sum(noise[:last_real])


def one(n: int, objective: str, signed: bool, engine: str, seed: int, functions: list[str]) -> list[dict]:
    "Functions on one table"
    (trn, val, held), roles = table(n, objective, signed, seed)
    feats = [f for f in roles if roles[f][0] != "near"]
    kw = {"objective": objective, "targ_name": "gen_target", "wgt_name": "gen_weight", "seed": seed, "engine": engine} | LIGHT
    judge = Judge(trn, held, objective, wgt_name="gen_weight", rf_params={"min_samples_leaf": 5, "max_features": 1.}, n_estimators=20, n_rfs=2, seed=seed + 1)
    rank = kw | {"n_estimators": 40, "n_perms": 3, "retrain_on_import_feats": False}
    runs = {
        "linear": (feats, lambda fs: auto_filter_on_linear_correlation(trn, val, fs, n_rfs=3, **kw)),
        "linear, near": (list(roles), lambda fs: auto_filter_on_linear_correlation(trn, val, fs, n_rfs=3, **kw)),
        "mutual": (feats, lambda fs: auto_filter_on_mutual_dependence(trn, val, fs, n_rfs=3, n_samples=1500, **kw)),
        "ranking": (feats, lambda fs: rf_rank_features(trn, val, train_feats=fs, n_rfs=3, importance_cut=-1., **rank)),
        "repeated": (feats, lambda fs: repeated_rf_rank_features(trn, val, n_reps=6, min_frac_import=.6, train_feats=fs, **rank)),
    }
    out = []
    for name in functions:
        fs, run = runs[name]
        start = time.process_time()
        got = run(fs)
        sec = time.process_time() - start
        kept, order = list(got), list(got) if name == "ranking" else None
        if isinstance(got, tuple): kept, order = list(got[0]), got[1].Feature.tolist()
        row = {"function": name, "objective": objective, "seed": seed} | verdict(kept, fs, roles, judge, judge.scorer) | {"seconds": sec}
        out.append(row | {"noise": above(order, roles) if order else None, "kept_names": kept, "order": order})
    return out


def report(rows: list[dict]) -> str:
    "One line per function and objective"
    t = pd.DataFrame(rows).assign(pull=lambda d: np.where(d.unc > 0, d.loss/d.unc.where(d.unc > 0, 1), 0.))
    lines = []
    for (name, objective), g in t.groupby(["function", "objective"], sort=False):
        mean = round_unc(g.loss.mean(), np.sqrt((g.unc**2).sum())/len(g)) if (g.unc > 0).any() else "0"
        noise = int(g.noise.sum()) if "noise" in g and g.noise.notna().any() else "-"
        lines.append([name, objective, len(g), f"{g.kept.mean():.1f}", int(g.copies.sum()), int(g.lost.sum()), noise, f"{g.dep.mean():.1f}",
                      int(g.near.sum()) if "near" in name else "-", mean, f"{g.pull.mean():.1f}", f"{g.pull.max():.1f}", int((g.pull > 2).sum()),
                      f"{g.seconds.mean():.1f}"])
    cols = ["function", "objective", "seeds", "kept", "copies", "lost", "noise", "dep", "near", "mean loss", "mean pull", "worst pull", "> 2", "process s"]
    return pd.DataFrame(lines, columns=cols).to_string(index=False)


def main() -> None:
    "Run and print the table"
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seeds", type=int, default=10)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--events", type=int, default=1500, help="events to grow on, to score on and held out, each")
    p.add_argument("--objectives", nargs="+", default=["classification", "regression"])
    p.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=FUNCTIONS)
    p.add_argument("--unsigned", action="store_true")
    p.add_argument("--engine", default="sklearn")
    p.add_argument("--out", type=Path)
    a = p.parse_args()
    rows = []
    for seed in range(a.first, a.first + a.seeds):
        for objective in a.objectives: rows += one(a.events, objective, not a.unsigned, a.engine, seed, a.functions)
        print(f"\nafter seed {seed}\n{report(rows)}", flush=True)
        if a.out: a.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
