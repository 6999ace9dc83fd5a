"""LUMIN's half of `data.py`: runs in LUMIN's venv, in the folder that holds `lumin.npz` of what to measure; prints seconds per event as JSON."""

import contextlib
import io
import json
import statistics
import time

import numpy as np
import pandas as pd


def seconds(f, n):
    "Median processor seconds of a call, the first one apart"
    f()
    out = []
    for _ in range(n):
        start = time.process_time()
        f()
        out.append(time.process_time() - start)
    return statistics.median(out)


data = np.load("lumin.npz")
with contextlib.redirect_stdout(io.StringIO()):
    from lumin.data_processing.file_proc import df2foldfile
    from lumin.evaluation.ams import ams_scan_quick, ams_scan_slow
    from lumin.nn.data.fold_yielder import FoldYielder, HEPAugFoldYielder

    feats = [str(f) for f in data["feats"]]
    df = pd.DataFrame(data["x"], columns=feats)
    df["gen_target"], df["gen_weight"] = data["y"], data["w"]
    df2foldfile(df, 2, feats, [], "gen_target", "lumin", "int", wgt_feat="gen_weight")
    plain, aug = FoldYielder("lumin.hdf5"), HEPAugFoldYielder("lumin.hdf5", rot_mult=4, reflect_y=True, reflect_z=True)
    scan = pd.DataFrame({"pred": data["score"], "gen_target": data["targ"], "gen_weight": data["wgt"]})
    few = scan.iloc[:3000]
    n = plain.get_data_count(0)
    out = {
        "read": seconds(lambda: plain.get_fold(0), 9) / n,
        "augment": seconds(lambda: aug.get_fold(0), 9) / n,
        "ams": seconds(lambda: ams_scan_quick(scan, br=10), 3) / len(scan),
        "ams_exact": seconds(lambda: ams_scan_slow(few, br=10, start_cut=few.pred.min(), show_prog=False), 1) / len(few),
    }
print(json.dumps(out))
