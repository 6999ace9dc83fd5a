"""LUMIN's half of `train.py` and of `higgsml.ipynb`: trains an ensemble in LUMIN's venv: python train_in_lumin.py JOB.json

The job names the fold file, network, schedule and seed; the answer (seconds of training) is written beside it, with predictions for a second fold file
and, if there are as many models as folds, those of each model for its own validation fold.
"""

import contextlib
import io
import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

job = json.loads(Path(sys.argv[1]).read_text())
torch.set_num_threads(job.get("threads", 1))
torch.load = partial(torch.load, weights_only=False)  # LUMIN 0.9.1 after a OneCycle cannot read its own file without (float64 rates in the optimiser)
np.random.seed(job["seed"])
torch.manual_seed(job["seed"])
with contextlib.redirect_stdout(io.StringIO()):
    import random

    from lumin.nn.callbacks.cyclic_callbacks import OneCycle
    from lumin.nn.data.fold_yielder import FoldYielder
    from lumin.nn.ensemble.ensemble import Ensemble
    from lumin.nn.models.helpers import CatEmbedder
    from lumin.nn.models.model import Model
    from lumin.nn.models.model_builder import ModelBuilder
    from lumin.nn.training.train import train_models

    random.seed(job["seed"])
    fy = FoldYielder(job["train"])
    cats = CatEmbedder.from_fy(fy) if fy.cat_feats else None
    builder = ModelBuilder(job["objective"], n_out=1, cont_feats=fy.cont_feats, cat_embedder=cats, model_args={"body": job["body"]}, opt_args=job["opt"])
    cycle = partial(OneCycle, **job["cycle"])
    start = time.perf_counter()
    results, _, _ = train_models(fy, job["n_models"], job["bs"], builder, job["n_epochs"], cb_partials=[cycle], live_fdbk=False,
                                 savepath=Path(job["out"]) / "models", train_on_weights=True)
    out = {"seconds": time.perf_counter() - start, "losses": [float(r["loss"]) for r in results]}
    if "test" in job:
        test = FoldYielder(job["test"])
        Ensemble.from_results(results, job["n_models"], builder).predict(test, pred_name="lumin")
        np.save(Path(job["out"], "pred.npy"), test.get_column("lumin"))
        for i in range(job["n_models"]):  # Model i has not seen fold i
            oof = Model.from_save(str(Path(results[i]["path"], f"train_{i}.h5")), builder).predict(fy.get_fold(i)["inputs"])
            np.save(Path(job["out"], f"oof_{i}.npy"), oof[:, 0])
Path(job["out"], "answer.json").write_text(json.dumps(out))
