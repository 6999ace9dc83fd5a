"""LUMIN's half, started by `run.py` with the venv's Python in the folder of the files: write, read, and save predictions.

Reads `table*.npz` and `ours_*.hdf5` (copies: LUMIN opens files for writing); leaves `lumin_*.hdf5` and what it saw as .npz and .json.
"""

import json
import shutil
import sys
import warnings

import numpy as np
from common import FILES, SHAPES, arguments, ask, ask_shape, frame, make_table, make_tensors, shape_arguments
from lumin.data_processing.file_proc import df2foldfile
from lumin.nn.data.fold_yielder import FoldYielder

warnings.simplefilter("ignore")
np.random.seed(1)  # LUMIN's folds have no seed of their own
for name in FILES:
    df2foldfile(frame(np.load(f"table_{name}.npz")), savename=f"./lumin_{name}", **arguments(name, lumin=True))

for stem in [f"{w}_{name}" for w in ("ours", "lumin") for name in FILES]:
    shutil.copy(f"{stem}.hdf5", "read.hdf5")
    fy = FoldYielder("read.hdf5")
    arrays, names = ask(fy)
    names["types of codes"] = sorted({type(c).__name__ for m in (getattr(fy, "cat_maps", None) or {}).values() for c in m})
    fy.close()
    np.savez(f"{stem}.npz", **arrays)
    with open(f"{stem}.json", "w") as f: json.dump(names, f)

jets, tensors = make_tensors()
for name in SHAPES: df2foldfile(frame(make_table() | jets), savename=f"./lumin_{name}", **shape_arguments(name, tensors))
for stem in [f"{w}_{name}" for w in ("ours", "lumin") for name in SHAPES if name != "sparse_tail"]:  # LUMIN loses empty events at the end
    shutil.copy(f"{stem}.hdf5", "read.hdf5")
    fy = FoldYielder("read.hdf5")
    arrays, names = ask_shape(fy)
    fy.close()
    np.savez(f"{stem}.npz", **arrays)
    with open(f"{stem}.json", "w") as f: json.dump(names, f)

fy = FoldYielder("pred.hdf5")  # A copy of ours_classes.hdf5
for i in range(fy.n_folds):
    x = fy.get_fold(i)["inputs"]
    fy.save_fold_pred(np.zeros(len(x)), i, "pred")
    fy.save_fold_pred(2*x[:, 0], i, "pred")  # A second time, to replace
    fy.save_fold_pred(x[:, 1:3], i, "two")
fy.close()

from lumin.nn.models.helpers import CatEmbedder  # noqa: E402  From here on the stand-ins are needed
from lumin.nn.models.model import Model  # noqa: E402
from lumin.nn.models.model_builder import ModelBuilder  # noqa: E402

import torch  # noqa: E402

torch.manual_seed(5)  # LUMIN has no seeds; with others the unscaled inputs send the network's output to zero in every event
fy = FoldYielder("pred.hdf5")
model = Model(ModelBuilder("classification", n_out=1, cont_feats=fy.cont_feats, cat_embedder=CatEmbedder.from_fy(fy),
                           model_args={"body": {"depth": 1, "width": 8, "act": "swish"}}, opt_args={"opt": "adam", "lr": 1e-5}))
model.fit(n_epochs=1, fy=fy, bs=32, val_idx=0, trn_idxs=list(range(1, fy.n_folds)), visible_bar=False)
model.predict(fy, pred_name="net")
np.savez("net.npz", **{str(i): fy.get_column("net", fold_idx=i) for i in range(fy.n_folds)})
fy.close()

import h5py, pandas, sklearn, torch, torch_geometric  # noqa: E402
from importlib.metadata import version  # noqa: E402

with open("versions.json", "w") as f:
    mods = {"numpy": np, "pandas": pandas, "h5py": h5py, "scikit-learn": sklearn, "torch": torch, "torch-geometric": torch_geometric}
    json.dump({"Python": sys.version.split()[0], "lumin": version("lumin"), **{k: m.__version__ for k, m in mods.items()}}, f)
