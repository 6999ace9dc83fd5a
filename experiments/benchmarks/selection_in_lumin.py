"""LUMIN's half of `selection.py`, run in LUMIN's venv: python selection_in_lumin.py JOBS.json; each answer is written to the file that its job names

Stand-ins at run time, none of which changes what is selected: a master bar that has a `fig` (without one, LUMIN's scan of hyper-parameters crashes outside a
notebook), the version of rfpimp (setuptools has lost `pkg_resources`), events out of the bag as scikit-learn 1.9 wants to be asked for them, the number of
trees where LUMIN's filters forget it, how many rows rfpimp draws, and no drawing (but for the dendrogram, drawn by what finds the clusters). A job that has
used its limit of process time is stopped where it is.
"""

import contextlib
import io
import json
import signal
import sys
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

with contextlib.redirect_stdout(io.StringIO()):
    import fastprogress.fastprogress as bars
    import rfpimp
    from lumin.optimisation import features, hyper_param
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.ensemble._forest import _generate_unsampled_indices

spent, calls, asked, depth, job = defaultdict(float), defaultdict(int), [], [0], {}  # Of the job in hand


class Enough(Exception):
    "The limit of the job is reached"


class Bar(bars.ConsoleMasterBar):
    "A master bar of a script that has what one of a notebook has"

    fig = None

    def __delattr__(self, name): pass


def clocked(name: str, f):
    "The function, its calls counted and their process time added up; calls within calls are the outer one's"
    def g(*args, **kwargs):
        if depth[0]: return f(*args, **kwargs)
        depth[0], start = 1, time.process_time()
        try: return f(*args, **kwargs)
        finally:
            depth[0], calls[name] = 0, calls[name] + 1
            spent[name] += time.process_time() - start
    return g


def nothing(*_, **__):
    "Draws nothing, and may be asked to view it"
    return type("Nothing", (), {"view": lambda self: None})()


def stop(*_):
    "The limit of process time is reached"
    raise Enough


def removal(*args, **kwargs):
    "LUMIN's check of removals with the number of trees the caller asked for"
    asked.append(list(kwargs["check_feats"]))
    return check(*args, **kwargs | {"n_estimators": job["n_estimators"]})


def dependence(x: pd.DataFrame, **kwargs) -> pd.DataFrame:
    "rfpimp's matrix with as many rows as the job says; no more"
    return matrix(x.copy(), n_samples=job.get("n_rows", 5000), **kwargs)


hyper_param.master_bar = Bar
rfpimp._get_unsampled_indices = lambda tree, n: _generate_unsampled_indices(tree.random_state, n, n, None)
features.pkg_resources = SimpleNamespace(get_distribution=lambda name: SimpleNamespace(version=version(name)))
features.plot_importance = features.plot_dependence_heatmap = nothing
check, features.rf_check_feat_removal = features.rf_check_feat_removal, removal
matrix = clocked("dependence matrix", features.feature_dependence_matrix)
features.feature_dependence_matrix = dependence
features.importances = clocked("permutations", rfpimp.importances)
features.subsample_df = clocked("resampling", features.subsample_df)
features.plot_rank_order_dendrogram = clocked("rank correlation", features.plot_rank_order_dendrogram)
for cls in (RandomForestClassifier, RandomForestRegressor):
    cls.fit, cls.score = clocked("fit", cls.fit), clocked("score", cls.score)

signal.signal(signal.SIGPROF, stop)


def calls_of(job: dict, train: pd.DataFrame, val: pd.DataFrame, feats: list) -> dict:
    "What a job may ask for"
    common = {"objective": job["objective"], "targ_name": "gen_target", "wgt_name": "gen_weight", "rf_params": dict(job["rf_params"]), "optimise_rf": False,
              "n_estimators": job["n_estimators"], "n_rfs": job["n_rfs"], "subsample_rate": job["subsample_rate"], **job["more"]}
    return {"repeated": lambda: features.repeated_rf_rank_features(train, val, train_feats=feats, **common)[0],
            "linear": lambda: features.auto_filter_on_linear_correlation(train, val, feats, **common),
            "mutual": lambda: features.auto_filter_on_mutual_dependence(train, val, feats, **common)}


def run(todo: dict) -> None:
    "Do a job, and write what it took and what it gave"
    for x in (spent, calls, asked, job): x.clear()
    job.update(todo)
    depth[0] = 0
    with np.load(job["data"]) as d:
        feats = d["names"].tolist()
        df = pd.DataFrame(d["x"], columns=feats).assign(gen_target=d["y"], gen_weight=d["w"])
    train, val = df[: job["n_train"]].reset_index(drop=True), df[job["n_train"] :].reset_index(drop=True)
    f = calls_of(job, train, val, feats)[job["task"]]
    np.random.seed(job["seed"])
    text, kept, start, wall = io.StringIO(), None, time.process_time(), time.perf_counter()
    with contextlib.redirect_stdout(text), contextlib.suppress(Enough):
        signal.setitimer(signal.ITIMER_PROF, job["limit"])
        kept = f()
        signal.setitimer(signal.ITIMER_PROF, 0)
    out = {"process": time.process_time() - start, "wall": time.perf_counter() - wall, "kept": kept, "asked": asked, "spent": spent, "calls": calls}
    out["dropped"] = [line.split()[1] for line in text.getvalue().splitlines() if line.startswith("Dropping ")]
    Path(job["out"]).write_text(json.dumps(out))


for todo in json.loads(Path(sys.argv[1]).read_text()): run(todo)
