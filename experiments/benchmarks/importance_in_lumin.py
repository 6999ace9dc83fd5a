"""LUMIN's half of `importance.py`: permutation importance in LUMIN's venv: python importance_in_lumin.py JOB.json

The job names the fold file, the network and its weights; the answer (CPU time of this process and of those it started, the table) is written beside it.
"""

import contextlib
import cProfile
import io
import json
import os
import pstats
import sys
import time
from pathlib import Path

import numpy as np
import torch

job = json.loads(Path(sys.argv[1]).read_text())
torch.set_num_threads(job["threads"])
with contextlib.redirect_stdout(io.StringIO()):
    from lumin.nn.data.fold_yielder import FoldYielder
    from lumin.nn.interpretation.features import get_nn_feat_importance
    from lumin.nn.models.model import Model
    from lumin.nn.models.model_builder import ModelBuilder

    fy = FoldYielder(job["train"])
    model = Model(ModelBuilder("classification", n_out=1, cont_feats=fy.cont_feats, model_args={"body": job["body"]}))
    weights, state = np.load(job["weights"]), model.model.state_dict()
    if [tuple(v.shape) for v in state.values()] != [weights[k].shape for k in weights]: raise ValueError("the networks differ")
    model.model.load_state_dict({k: torch.from_numpy(weights[w]) for k, w in zip(state, weights)})
    np.random.seed(job["seed"])
    profile = cProfile.Profile()
    before, start = os.times(), time.perf_counter()
    if job["profile"]: profile.enable()
    table = get_nn_feat_importance(model, fy, plot=False)
    profile.disable()
    wall, after = time.perf_counter() - start, os.times()
cpu = sum(getattr(after, k) - getattr(before, k) for k in ("user", "system", "children_user", "children_system"))
if job["profile"]: pstats.Stats(profile).sort_stats("tottime").print_stats(8)
out = {"cpu": cpu, "wall": wall, "feats": list(table.Feature), "importance": list(table.Importance), "spread": list(table.Uncertainty)}
Path(job["out"], "answer.json").write_text(json.dumps(out))
