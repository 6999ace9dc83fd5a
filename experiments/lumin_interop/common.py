"""What both interpreters share: the table, the files to write, and the questions that are put to a reader.

Imported by `run.py` (this library) and by `in_lumin.py` (LUMIN's venv), so it needs numpy and pandas only, old or new.
"""

import numpy as np
import pandas as pd

CONT, CATS = ["pt", "eta", "mass"], ["n_jets", "region"]
MAPS = {"n_jets": {0: 0, 1: 1, 2: 2, 3: 5}, "region": {0: "barrel", 1: "endcap", 2: "Übergang"}}
MISC = ["event", "run", "mass_gev", "passed", "sample", "greek", "long"]
FILES = {  # Arguments of df2foldfile, the same for both writers
    "classes": dict(n_folds=12, cont_feats=CONT, cat_feats=CATS, targ_feats="target", targ_type="int", strat_key="target",
                    misc_feats=MISC, wgt_feat="weight", cat_maps=MAPS),
    "two_targets": dict(n_folds=11, cont_feats=CONT, cat_feats=[], targ_feats=["y_0", "y_1"], targ_type="float32",
                        misc_feats=["event"], compression="gzip"),
    "contiguous": dict(n_folds=13, cont_feats=CONT, cat_feats=["region"], targ_feats=["y_0"], targ_type="float64", shuffle=False,
                       misc_feats=["event", "sample"], wgt_feat="weight", cat_maps={"region": MAPS["region"]}),
}
VECS, PER_VEC = ["jet0", "jet1", "jet2"], ["pt", "eta", "m"]  # jet2 has a transverse momentum only, jet1 no mass: NaN in the file
JETS = ["jet0_pt", "jet0_eta", "jet0_m", "jet1_pt", "jet1_eta", "jet2_pt"]
_FLAT = dict(cont_feats=["pt", "eta"], cat_feats=["region"], targ_feats="target", targ_type="int", misc_feats=["event"], shuffle=False)
SHAPES = {  # The same for files whose events are more than a row; names of tensors stand for arrays of `make_tensors`
    "matrix_rows": _FLAT | dict(n_folds=11, cont_feats=["pt", "eta", *JETS], matrix_vecs=VECS, matrix_feats_per_vec=PER_VEC, matrix_row_wise=True,
                                wgt_feat="weight"),
    "matrix_columns": _FLAT | dict(n_folds=3, matrix_vecs=VECS, matrix_feats_per_vec=PER_VEC, matrix_row_wise=False, compression="gzip"),
    "tensor": _FLAT | dict(n_folds=12, tensor_data="image", tensor_name="image"),
    "sparse": _FLAT | dict(n_folds=11, tensor_data="hits", tensor_name="hits", tensor_as_sparse=True),
    "tensor_target": _FLAT | dict(n_folds=3, tensor_target="image", targ_feats="image", targ_type="float32"),
    "sparse_target": _FLAT | dict(n_folds=3, tensor_target="hits", targ_feats="hits", targ_type="float32", tensor_target_as_sparse=True),
    "sparse_tail": _FLAT | dict(n_folds=2, tensor_data="tail", tensor_name="tail", tensor_as_sparse=True),  # The last events of a fold are empty
}


def make_tensors(n=1003, seed=8):
    "Columns of jets, and tensors; `hits` has something in every event, `tail` has not"
    rng = np.random.default_rng(seed)
    hits = np.where(rng.random((n, 4, 5)) < 0.1, rng.normal(size=(n, 4, 5)), 0)
    hits[:, 1, 2] = 1 + rng.random(n)
    tail = hits.copy()
    tail[n//2 - 20:n//2 + 2] = tail[-30:] = 0
    jets = {c: np.where(rng.random(n) < 0.2, np.nan, rng.exponential(30, n)) for c in JETS}
    return jets, {"image": rng.normal(size=(n, 2, 3, 4)), "hits": hits, "tail": tail}


def shape_arguments(name, tensors):
    "Arguments of df2foldfile, the tensors themselves in place of their names"
    return {k: tensors[v] if k in ("tensor_data", "tensor_target") else v for k, v in SHAPES[name].items()}


def ask_shape(fy):
    "What a FoldYielder makes of a file with matrices, tensors or tensor targets"
    arrays = {}
    for i in range(fy.n_folds):
        fold = fy.get_fold(i)
        flat, *rest = fold["inputs"] if isinstance(fold["inputs"], tuple) else (fold["inputs"],)
        arrays |= {f"get_fold flat|{i}": flat, f"get_fold targets|{i}": fold["targets"], f"get_column event|{i}": fy.get_column("event", fold_idx=i)}
        for x in rest: arrays[f"get_fold matrix|{i}"] = x
        for c in ("matrix_inputs", "targets"):
            if c in fy.columns(): arrays[f"get_column {c}|{i}"] = fy.get_column(c, fold_idx=i)
    names = {k: getattr(fy, k) for k in ("n_folds", "cont_feats", "cat_feats", "has_matrix", "target_is_tensor")}
    names |= {"matrix_shape": list(fy.matrix_shape) if fy.has_matrix else [], "sparse": bool(fy.matrix_is_sparse) if fy.has_matrix else False}
    return arrays, names


def make_table(n=1003, seed=7):
    "Columns of every kind that a fold file can hold; `event` is unlike the row number, and tells which row is which"
    rng = np.random.default_rng(seed)
    mass, name = rng.normal(91, 10, n), rng.choice(["sig", "bkg", "bkg_top", ""], n)
    return {
        "pt": np.where(rng.random(n) < 0.1, np.nan, rng.exponential(40, n)), "eta": rng.uniform(-3, 3, n), "mass": mass,
        "n_jets": rng.integers(0, 4, n), "region": rng.integers(0, 3, n),
        "target": rng.integers(0, 2, n), "y_0": rng.normal(size=n), "y_1": rng.normal(size=n)*1e3,
        "weight": rng.exponential(1, n)*np.where(rng.random(n) < 0.1, -1, 1),
        "event": rng.permutation(n) + 2**40, "run": rng.integers(1, 9, n).astype(np.int32), "mass_gev": mass, "passed": rng.random(n) < 0.5,
        "sample": name, "greek": np.char.add("τμ_", name), "long": np.char.add("x"*80, name),
    }


def arguments(name, lumin):
    "Arguments of df2foldfile for a file; LUMIN cannot write text other than ASCII"
    kw = dict(FILES[name])
    if lumin: kw["misc_feats"] = [m for m in kw["misc_feats"] if m != "greek"]
    return kw


def frame(table):
    "Table as DataFrame, text as the pandas at hand holds it"
    return pd.DataFrame({k: v.astype(object) if v.dtype.kind == "U" else v for k, v in table.items()})


def plain(x):
    "Array that an .npz can hold without pickle: text of any kind as unicode"
    x = np.asarray(x)
    if x.dtype.kind == "S": return np.char.decode(x, "utf-8")
    return x.astype(str) if x.dtype.kind not in "biuf" else x


def ask(fy):
    "All that a FoldYielder, LUMIN's or ours, tells of its file: ({question: array}, {question: names})"
    arrays, n = {}, fy.n_folds
    names = {k: getattr(fy, k, None) for k in ("n_folds", "cont_feats", "cat_feats", "input_feats", "targ_feats", "wgt_feat")}
    names |= {"len": len(fy), "events": fy.get_data_count(), "columns": sorted(fy.columns()), "fld_szs": [int(fy.fld_szs[i]) for i in range(n)],
              "cat_maps": {f: [[int(c), v] for c, v in m.items()] for f, m in (getattr(fy, "cat_maps", None) or {}).items()}}
    for i in range(n):
        for k, v in fy.get_fold(i).items():
            if v is not None: arrays[f"get_fold {k}|{i}"] = v
        for c in fy.columns(): arrays[f"get_column {c}|{i}"] = plain(fy.get_column(c, fold_idx=i))
        df = fy.get_df(fold_idx=i, inc_inputs=True)
        for c in df: arrays[f"get_df {c}|{i}"] = plain(df[c])
    for c in ("inputs", "targets", "event"): arrays[f"get_column {c}|all"] = plain(fy.get_column(c))
    fy.add_ignore([fy.cont_feats[1]])
    names["used"] = [*fy.get_use_cont_feats(), *fy.get_use_cat_feats()]
    arrays["get_fold ignoring|0"] = fy.get_fold(0)["inputs"]
    return arrays, names
