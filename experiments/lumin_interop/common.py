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
