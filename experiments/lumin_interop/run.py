"""Fold files between this library and LUMIN 0.9.1: what one writes, the other reads, array by array and name by name.

python experiments/lumin_interop/run.py [--venv FOLDER] [--python PYTHON] [--keep FOLDER]

Makes a venv with LUMIN from PyPI (once; about 1.6 GB and two minutes), lets both libraries write the same tables and read each other's files,
and compares with the table itself. The exit code is 1 if anything differs. `in_lumin.py` is the half that runs in LUMIN's venv.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
from common import FILES, JETS, PER_VEC, SHAPES, VECS, arguments, ask, ask_shape, frame, make_table, make_tensors, plain, shape_arguments

from lumin_nb.data.foldfile import df2foldfile, split_folds
from lumin_nb.data.yielder import FoldYielder
from lumin_nb.toy import cache_folder

HERE = Path(__file__).parent
STAND_INS = {  # Modules that LUMIN imports without asking for them; nothing here calls them
    "pkg_resources.py": "",
    "pdpbox/__init__.py": "",
    "pdpbox/pdp.py": "PDPInteract = PDPIsolate = None\n",
}


def call(cmd: list, **kw) -> None:
    "Run a program; its words are shown only if it fails"
    done = subprocess.run([str(c) for c in cmd], capture_output=True, text=True, **kw)
    if done.returncode: sys.exit(f"{' '.join(str(c) for c in cmd[:6])} ... failed:\n{done.stdout[-3000:]}{done.stderr[-6000:]}")


def make_venv(venv: Path, python: str) -> Path:
    "Python of a venv that holds LUMIN 0.9.1; one that is complete is used again"
    exe, ready = venv / "bin" / "python", venv / "ready"
    if not ready.exists():
        print(f"Installing LUMIN 0.9.1 into {venv} ...", flush=True)
        call([python, "-c", "import sys; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)) and 'LUMIN needs Python 3.10 or 3.11: give --python')"])
        call([python, "-m", "venv", "--clear", venv])
        call([exe, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"])
        call([exe, "-m", "pip", "install", "-q", "--no-deps", "lumin==0.9.1"])
        for name, text in STAND_INS.items():
            (path := venv / "stand_ins" / name).parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        ready.touch()
    return exe


def expected(table: dict, kw: dict, rows: list[np.ndarray], lumin_reads: bool, lumin_wrote: bool) -> tuple[dict, dict]:
    "What `common.ask` must find, from the table alone: the rows of each fold are all that comes from elsewhere"
    x = np.stack([table[f] for f in [*kw["cont_feats"], *kw["cat_feats"]]], 1).astype(np.float32)
    targ = kw["targ_feats"]
    y = table[targ] if isinstance(targ, str) else np.stack([table[t] for t in targ], 1)
    cols = {"inputs": x, "targets": y.astype(kw["targ_type"])}
    if "wgt_feat" in kw: cols["weights"] = table[kw["wgt_feat"]].astype(np.float32)
    for m in kw["misc_feats"]: cols[m] = table[m].astype("U64") if lumin_wrote and table[m].dtype.kind == "U" else table[m]
    feats, arrays = [*kw["cont_feats"], *kw["cat_feats"]], {}
    for i, r in enumerate(rows):
        for c, v in cols.items(): arrays[f"get_column {c}|{i}"] = v[r]
        for c in ("inputs", "targets", "weights"):
            if c in cols: arrays[f"get_fold {c}|{i}"] = np.nan_to_num(cols[c][r].reshape(len(r), -1))
        for j, f in enumerate(feats): arrays[f"get_df {f}|{i}"] = x[r, j]
        for j, t in enumerate(cols["targets"].reshape(len(x), -1).T): arrays[f"get_df gen_target_{j}|{i}"] = t[r]
        if isinstance(targ, str) or (len(targ) == 1 and not lumin_reads):  # A list of one: LUMIN says gen_target_0, we say gen_target
            arrays[f"get_df gen_target|{i}"] = arrays.pop(f"get_df gen_target_0|{i}")
        if "weights" in cols: arrays[f"get_df gen_weight|{i}"] = cols["weights"][r]
    order = sorted(range(len(rows)), key=str) if lumin_reads else range(len(rows))  # LUMIN puts fold_10 before fold_2
    for c in ("inputs", "targets", "event"): arrays[f"get_column {c}|all"] = np.concatenate([cols[c][rows[i]] for i in order])
    keep = [j for j, f in enumerate(feats) if f != kw["cont_feats"][1]]
    arrays["get_fold ignoring|0"] = np.nan_to_num(x[rows[0]][:, keep])
    names = {"n_folds": len(rows), "len": len(rows), "events": len(x), "columns": sorted(cols), "fld_szs": [len(r) for r in rows],
             "cont_feats": kw["cont_feats"], "cat_feats": kw["cat_feats"], "input_feats": feats, "used": [feats[j] for j in keep],
             "targ_feats": targ, "wgt_feat": kw.get("wgt_feat"), "cat_maps": {f: [[c, v] for c, v in m.items()] for f, m in kw.get("cat_maps", {}).items()},
             "types of codes": ["str" if lumin_reads else "int"] if "cat_maps" in kw else []}
    return arrays, names


def expected_shape(name: str, table: dict, tensors: dict, lumin_reads: bool) -> tuple[dict, dict]:
    "What `common.ask_shape` must find; folds are contiguous"
    kw, n = SHAPES[name], len(table["event"])
    cont = [f for f in kw["cont_feats"] if not ("matrix_vecs" in kw and f in JETS)]  # In the matrix, so not in the flat inputs
    cols = {"flat": np.nan_to_num(np.stack([table[f] for f in [*cont, *kw["cat_feats"]]], 1).astype(np.float32))}
    if "matrix_vecs" in kw:
        cols["matrix"] = np.stack([[table.get(f"{v}_{f}", np.full(n, np.nan)) for f in PER_VEC] for v in VECS]).transpose(2, 0, 1).astype(np.float32)
        if not kw["matrix_row_wise"]: cols["matrix"] = cols["matrix"].transpose(0, 2, 1)
    if "tensor_data" in kw: cols["matrix"] = tensors[kw["tensor_data"]].astype(np.float32)
    targ = tensors[kw["tensor_target"]].astype(np.float32) if "tensor_target" in kw else table["target"].astype(int)
    arrays = {}
    for i, r in enumerate(np.array_split(np.arange(n), kw["n_folds"])):
        arrays |= {f"get_fold flat|{i}": cols["flat"][r], f"get_column event|{i}": table["event"][r], f"get_column targets|{i}": targ[r],
                   f"get_fold targets|{i}": targ[r] if targ.ndim > 1 else targ[r, None]}
        if "matrix" in cols:  # Missing values: zero here, NaN in LUMIN
            arrays |= {f"get_fold matrix|{i}": cols["matrix"][r] if lumin_reads else np.nan_to_num(cols["matrix"][r]),
                       f"get_column matrix_inputs|{i}": cols["matrix"][r]}
    names = {"n_folds": kw["n_folds"], "cont_feats": cont, "cat_feats": kw["cat_feats"], "has_matrix": "matrix" in cols,
             "target_is_tensor": "tensor_target" in kw, "matrix_shape": list(cols["matrix"].shape[1:]) if "matrix" in cols else [],
             "sparse": kw.get("tensor_as_sparse", False)}
    return arrays, names


def check_shapes(work: Path, report: "Report") -> None:
    "Matrices, tensors, sparse ones and tensor targets: both read both, and the files are the same"
    (jets, tensors), say = make_tensors(), {"ours": "lumin_nb", "lumin": "LUMIN"}
    table = make_table() | jets
    for name in SHAPES:
        for writer in say:
            path = work / f"{writer}_{name}.hdf5"
            for reader in say if name != "sparse_tail" else ["ours"]:
                if reader == "lumin": got = ask_lumin(path)
                else:
                    with FoldYielder(path) as fy: got = ask_shape(fy)
                report.compare(f"{say[writer]} wrote, {say[reader]} read: {name}", got, expected_shape(name, table, tensors, reader == "lumin"))
        a, b = (stored(work / f"{w}_{name}.hdf5") for w in ("ours", "lumin"))
        wrong = [k for k in b if k not in a or (differs(k, a[k], b[k]) if isinstance(b[k], np.ndarray) else a[k] != b[k])]
        report.line(f"both wrote {name}: HDF5", "all that LUMIN writes", wrong, len(b))


class Report:
    "A table of checks, one line for each that was made, and whether all of them held"
    def __init__(self): self.n, self.bad = 0, 0

    def line(self, where: str, what: str, wrong: list[str], n: int) -> None:
        "One line: how many comparisons, and the first that failed"
        self.n, self.bad = self.n + n, self.bad + len(wrong)
        print(f"{where:<46}{what:<42}{n - len(wrong):>5}/{n:<5}{'same' if not wrong else 'DIFFERENT: ' + '; '.join(wrong[:3])}")

    def compare(self, where: str, got: tuple[dict, dict], want: tuple[dict, dict]) -> None:
        "Arrays (by question, over folds: type, shape, every value) and names"
        groups = defaultdict(list)
        for k in sorted(got[0].keys() | want[0].keys()): groups[k.split()[0]].append(k)
        for what, keys in groups.items():
            self.line(where, f"{what}: arrays", [w for k in keys if (w := differs(k, got[0].get(k), want[0].get(k)))], len(keys))
        keys = sorted(got[1].keys() | want[1].keys())
        self.line(where, "names, sizes, categories", [f"{k}: {got[1].get(k)} for {want[1].get(k)}" for k in keys if got[1].get(k) != want[1].get(k)], len(keys))


def differs(key: str, got: np.ndarray | None, want: np.ndarray | None) -> str:
    "Why two arrays are not identical; empty if they are. In a data frame, codes may be integers: there only values count"
    if got is None or want is None: return f"{key} is {'missing' if got is None else 'not expected'}"
    if got.shape != want.shape: return f"{key} has shape {got.shape}, not {want.shape}"
    same_type = got.dtype == want.dtype or got.dtype.kind == want.dtype.kind == "U" or key.startswith("get_df")
    if not same_type: return f"{key} is {got.dtype}, not {want.dtype}"
    return "" if np.array_equal(got, want, equal_nan=want.dtype.kind == "f") else f"{key} has other values"


def stored(path: Path) -> dict:
    "Every data set of a file: folds as arrays, meta_data as JSON"
    with h5py.File(path) as f:
        meta = {f"meta_data/{k}": (json.loads(v[()]), h5py.check_string_dtype(v.dtype), v.shape) for k, v in f["meta_data"].items()}
        return {f"{g}/{k}": plain(v[()]) for g in f if g != "meta_data" for k, v in f[g].items()} | meta


def ask_ours(path: Path) -> tuple[dict, dict]:
    "Our reader's answers; the file must be untouched after them"
    before = hashlib.sha256(path.read_bytes()).digest()
    with FoldYielder(path) as fy:
        codes = sorted({type(c).__name__ for m in fy.cat_maps.values() for c in m})
        arrays, names = ask(fy)
    assert hashlib.sha256(path.read_bytes()).digest() == before, f"reading changed {path}"
    return arrays, names | {"types of codes": codes}


def ask_lumin(path: Path) -> tuple[dict, dict]:
    "LUMIN's answers, as `in_lumin.py` left them"
    return dict(np.load(path.with_suffix(".npz"))), json.loads(path.with_suffix(".json").read_text())


def rows_of(path: Path, events: np.ndarray) -> list[np.ndarray]:
    "Rows of the table in each fold of a file, by the number of the event"
    with h5py.File(path) as f:
        at = {e: i for i, e in enumerate(events.tolist())}
        return [np.array([at[e] for e in f[f"fold_{i}/event"][()].tolist()]) for i in range(len(f) - 1)]


def check(work: Path, report: Report, tables: dict) -> None:
    "All comparisons"
    for writer in ("ours", "lumin"):
        for name in FILES:
            path, kw, table = work / f"{writer}_{name}.hdf5", arguments(name, writer == "lumin"), tables[writer, name]
            n = len(table["event"])
            if writer == "ours":
                strat = table[kw["strat_key"]] if "strat_key" in kw else None
                rows = split_folds(n, kw["n_folds"], strat, kw.get("shuffle", True), 0)
            else:
                rows = rows_of(path, table["event"])
                whole = np.array_equal(np.sort(np.concatenate(rows)), np.arange(n))
                report.line(f"LUMIN wrote {name}", "every event in one fold", [] if whole else ["not so"], 1)
            for reader in ("lumin", "ours"):
                got = ask_lumin(path) if reader == "lumin" else ask_ours(path)
                want = expected(table, kw, rows, reader == "lumin", writer == "lumin")
                say = {"ours": "lumin_nb", "lumin": "LUMIN"}
                report.compare(f"{say[writer]} wrote, {say[reader]} read: {name}", got, want)
    a, b = (stored(work / f"{w}_contiguous.hdf5") for w in ("ours", "lumin"))
    keys = sorted(b)  # Ours has more: checksums, for one
    wrong = [k for k in keys if k not in a or (differs(k, a[k], b[k]) if isinstance(a[k], np.ndarray) else a[k] != b[k])]
    report.line("both wrote contiguous: HDF5", "all that LUMIN writes", wrong, len(keys))
    check_preds(work, report)
    check_shapes(work, report)


def check_preds(work: Path, report: Report) -> None:
    "Columns that LUMIN added to a file of ours, and the other columns beside them"
    net, where = np.load(work / "net.npz"), "LUMIN predicted into lumin_nb's: classes"
    with FoldYielder(work / "pred.hdf5") as fy, FoldYielder(work / "ours_classes.hdf5") as old:
        x = [old.get_fold(i)["inputs"] for i in range(old.n_folds)]
        want = {"pred": [2*v[:, 0] for v in x], "two": [v[:, 1:3] for v in x], "net": [net[str(i)] for i in range(len(x))]}
        for c, v in want.items():
            got = [fy.get_column(c, fold_idx=i) for i in range(len(x))] + [fy.get_column(c)]
            report.line(where, f"get_column {c}", [w for g, e in zip(got, [*v, np.concatenate(v)]) if (w := differs(c, g, e))], len(got))
        wrong = [w for w in [differs("get_df pred", fy.get_df()["pred"].to_numpy(), np.concatenate(want["pred"]))] if w]
        report.line(where, "get_df pred", wrong, 1)
        p = np.concatenate(want["net"])
        report.line(where, "net: finite and not constant", [] if np.isfinite(p).all() and p.std() > 0 else ["not so"], 1)
        wrong = [w for c in old.columns() if (w := differs(c, plain(fy.get_column(c)), plain(old.get_column(c))))]
        report.line(where, "other columns as they were", wrong, len(old.columns()))


def main() -> int:
    "Both halves, in a folder of their own"
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--venv", type=Path, default=cache_folder() / "lumin-0.9.1-venv", help="where LUMIN is installed; made if it is missing")
    p.add_argument("--python", default=sys.executable, help="Python 3.10 or 3.11 for that venv")
    p.add_argument("--keep", type=Path, help="keep the files in this folder")
    args = p.parse_args()
    exe = make_venv(args.venv.absolute(), args.python)
    with tempfile.TemporaryDirectory() as tmp:
        work = args.keep.absolute() if args.keep else Path(tmp)
        work.mkdir(parents=True, exist_ok=True)
        tables = {}
        for name in FILES:
            table = make_table()
            df2foldfile(frame(table), savename=work / f"ours_{name}.hdf5", overwrite=True, **arguments(name, lumin=False))
            tables["ours", name] = {k: v.copy() for k, v in table.items()}
            np.savez(work / f"table_{name}.npz", **table)
            tables["lumin", name] = table
        jets, tensors = make_tensors()
        for name in SHAPES: df2foldfile(frame(make_table() | jets), savename=work / f"ours_{name}.hdf5", overwrite=True, **shape_arguments(name, tensors))
        shutil.copy(work / "ours_classes.hdf5", work / "pred.hdf5")
        path = os.pathsep.join([str(HERE), str(args.venv.absolute() / "stand_ins")])
        env = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"} | {"PYTHONPATH": path, "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}
        call([exe, HERE / "in_lumin.py"], cwd=work, env=env)
        report = Report()
        check(work, report, tables)
        theirs = json.loads((work / "versions.json").read_text())
    print("LUMIN's side:", ", ".join(f"{k} {v}" for k, v in theirs.items()))
    print("Our side: Python", sys.version.split()[0] + ",", ", ".join(f"{k} {version(k)}" for k in ("lumin_nb", "numpy", "pandas", "h5py", "torch")))
    print(f"{'FAILED' if report.bad else 'PASSED'}: {report.n - report.bad} of {report.n} comparisons identical")
    return int(report.bad > 0)


if __name__ == "__main__":
    sys.exit(main())
