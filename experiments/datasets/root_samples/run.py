"""Real ROOT files into fold files, every value compared with what uproot reads: python experiments/datasets/root_samples/run.py [folder]

Needs the extra `hep` and LUMIN_NB_DATA, a folder with root_samples/ (scikit-hep's test files: HZZ, Z->mumu, CMS NanoAOD) and htautau/htautau_3k.root.
Without them it says what is missing and ends well. The fold files stay in `folder` if one is given.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from lumin_nb.core import LuminError
from lumin_nb.data.foldfile import apply_patch, check_foldfile, open_foldfile, read_meta
from lumin_nb.data.source import foldfile, source_columns

# What goes into each file. `key`: a column of event numbers decides the fold; `make`: columns that `prepare` adds, from awkward arrays
SAMPLES = {
    "hzz": {
        "file": "root_samples/uproot-HZZ.root",
        "cont_feats": ["MET_px", "MET_py", "NPrimaryVertices"],
        "misc_feats": ["triggerIsoMu24", "MClepton_px"],
        "targ_feats": "MCleptonPDGid",
        "wgt_feat": "EventWeight",
        "ragged": {
            "jets": ["Jet_Px", "Jet_Py", "Jet_Pz", "Jet_E", "Jet_btag", "Jet_ID"],
            "muons": ["Muon_Px", "Muon_Py", "Muon_Pz", "Muon_E", "Muon_Charge", "Muon_Iso"],
            "electrons": ["Electron_Px", "Electron_E", "Electron_Charge"],
            "photons": ["Photon_Px", "Photon_E"],
        },
        "contiguous": True,
    },
    "zmumu": {
        "file": "root_samples/uproot-Zmumu.root",
        "cont_feats": [f"{k}{i}" for i in (1, 2) for k in ("E", "px", "py", "pz", "pt", "eta", "phi")],
        "cat_feats": ["Type"],
        "misc_feats": ["Run", "Event", "Q1", "Q2"],
        "targ_feats": "M",
        "targ_type": "float64",
        "fold_key": "Event",
    },
    "nanoaod": {
        "file": "root_samples/nanoAOD_2015_CMS_Open_Data_ttbar.root",
        "cont_feats": ["MET_pt", "MET_phi", "MET_significance", "PuppiMET_pt", "Pileup_nTrueInt"],
        "misc_feats": ["run", "luminosityBlock", "event"],
        "targ_feats": "Generator_id1",
        "wgt_feat": ["genWeight", "Generator_weight"],
        "ragged": {
            "jets": ["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", "Jet_btagDeepFlavB", "Jet_jetId", "Jet_nConstituents"],
            "muons": ["Muon_pt", "Muon_eta", "Muon_phi", "Muon_charge", "Muon_tightId"],
            "taus": ["Tau_pt", "Tau_eta", "Tau_decayMode"],
            "fat_jets": ["FatJet_pt", "FatJet_particleNet_mass"],
        },
        "fold_key": "event",
    },
    "htautau": {
        "file": "htautau/htautau_3k.root",
        "cont_feats": ["lep_pt", "lep_eta", "tau_pt", "tau_eta", "tau_m", "met_pt", "met_phi", "sum_et"],
        "cat_feats": ["njet"],
        "misc_feats": ["event_number", "lep_q", "tau_q"],
        "targ_feats": "label",
        "wgt_feat": "weight",
        "process_feat": "process",
        "ragged": {"jets": {k: f"jet_{k}" for k in ("pt", "eta", "phi", "m", "btag")}},
        "fold_key": "event_number",
        "shift": {"tes_up": {"tau_pt": 1.03, "met_pt": 0.99}, "jes_up": {"jet_pt": 1.02}},
    },
}


def shifted(shift: dict) -> tuple[dict, object]:
    "Systematics of the schema, and the `prepare` that makes the shifted columns"
    from lumin_nb.data.source import as_ragged, list_column

    def prepare(df):
        new = {}
        for var, scale in shift.items():
            for c, by in scale.items():
                if str(df[c].dtype).endswith("[pyarrow]"):
                    r = as_ragged(df, [c])
                    new[f"{c}_{var}"] = list_column(r.values[:, 0] * np.float32(by), r.offsets, df.index)
                else:
                    new[f"{c}_{var}"] = df[c] * np.float32(by)
        return df.assign(**new)

    return {v: {c: f"{c}_{v}" for c in s} for v, s in shift.items()}, prepare


def convert(name: str, root: Path, out: Path) -> Path:
    "One sample as a fold file; two sizes of chunks give the same bytes"
    kw = {"cat_feats": [], "targ_type": "int64", **SAMPLES[name]}
    source, shift = str(root / kw.pop("file")), kw.pop("shift", None)
    if shift:
        kw["systematics"], kw["prepare"] = shifted(shift)
    files = []
    for chunk in (77, 1000):
        path = foldfile(source, out / name, 4, chunk=chunk, overwrite=True, **kw)
        files.append(path.read_bytes())
    assert files[0] == files[1], f"{name}: chunks of 77 and 1000 events give different files"
    return path


def same(got: np.ndarray, want: np.ndarray, what: str) -> int:
    "Assert that every bit is the same, of NaN and -0 too; gives how many values were compared"
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: {got.shape} in the file, {want.shape} in the source"
    assert got.tobytes() == want.astype(got.dtype).tobytes(), f"{what}: values differ"
    return got.size


def verify(name: str, root: Path, path: Path) -> int:
    "Compare every value of a fold file with uproot's reading of the branches; gives how many were compared"
    import awkward as ak
    import uproot

    kw, n = SAMPLES[name], 0
    with uproot.open(root / kw["file"]) as f:
        (tree,) = (f[k] for k, c in f.classnames().items() if c == "TTree")
        a = tree.arrays(library="ak")
    fold = np.repeat(range(4), [len(p) for p in np.array_split(np.arange(len(a)), 4)])
    if "fold_key" in kw:
        fold = np.asarray(a[kw["fold_key"]]) % 4
    as_dict = {k: v if isinstance(v, dict) else {c: c for c in v} for k, v in kw.get("ragged", {}).items()}
    with open_foldfile(path) as f:
        meta = read_meta(f)
        for i in range(4):
            mine, g = a[fold == i], f[f"fold_{i}"]
            x = g["inputs"][()]
            for j, c in enumerate(kw["cont_feats"]):
                n += same(x[:, j], mine[c], f"{name}, fold {i}, {c}")
            for j, c in enumerate(kw.get("cat_feats", []), len(kw["cont_feats"])):
                names = meta["cat_maps"].get(c)
                back = [names[int(v)] for v in x[:, j]] if names else x[:, j]
                assert list(back) == ak.to_list(mine[c]), f"{name}, fold {i}, {c}: categories differ"
                n += len(x)
            n += same(g["targets"], mine[kw["targ_feats"]], f"{name}, fold {i}, targets")
            if w := kw.get("wgt_feat"):
                want = np.stack([mine[c] for c in w], 1) if isinstance(w, list) else mine[w]
                n += same(g["weights"], want, f"{name}, fold {i}, weights")
            for c in kw.get("misc_feats", []):
                n += same(g[c], mine[c], f"{name}, fold {i}, {c}")
            for obj, feats in as_dict.items():
                n += same(np.diff(g[f"{obj}_offsets"]), ak.num(mine[next(iter(feats.values()))]), f"{name}, fold {i}, number of {obj}")
                for j, (feat, c) in enumerate(feats.items()):
                    n += same(g[obj][:, j], ak.flatten(mine[c]), f"{name}, fold {i}, {obj}.{feat}")
            for var, scale in kw.get("shift", {}).items():
                for data_set, p in g[f"systematics/{var}"].items():
                    names = kw["cont_feats"] if data_set == "inputs" else list(as_dict[data_set])
                    cols = [names.index(c) for c in meta["systematics"][var][data_set]]
                    up = apply_patch(g[data_set][()], p["mask"][()], p["values"][()], cols)
                    for j in cols:
                        c = names[j] if data_set == "inputs" else as_dict[data_set][names[j]]
                        want = mine[c] if data_set == "inputs" else ak.flatten(mine[c])
                        n += same(up[:, j], np.asarray(want) * np.float32(scale[c]), f"{name}, fold {i}, {var} of {c}")
    report = check_foldfile(path)
    assert report.ok, "\n".join(report.problems)
    return n


def missing(root: Path | None) -> list[str]:
    "What is not there"
    if root is None:
        return ["LUMIN_NB_DATA is not set"]
    return [f"{root / s['file']} does not exist" for s in SAMPLES.values() if not (root / s["file"]).is_file()]


if __name__ == "__main__":
    root = Path(os.environ["LUMIN_NB_DATA"]) if os.environ.get("LUMIN_NB_DATA") else None
    if gaps := missing(root):
        print("Nothing was converted:", *gaps, "It takes a folder with root_samples/ and htautau/, named by LUMIN_NB_DATA.", sep="\n  ")
        sys.exit(0)
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(sys.argv[1] if len(sys.argv) > 1 else tmp)
        for name, s in SAMPLES.items():
            try:
                path = convert(name, root, out)
            except LuminError as e:
                sys.exit(f"{name}: {e}")
            n = verify(name, root, path)
            objects = ", ".join(s.get("ragged", {})) or "no objects"
            print(
                f"{name:<8} {len(source_columns(root / s['file'])):>4} branches -> {path.stat().st_size / 1e3:6.0f} kB, {objects}: "
                f"{n:,} values are those of uproot, bit for bit"
            )
