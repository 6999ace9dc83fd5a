"""Pack the first 2,000 jets of each class of jets_30000.parquet into lumin_nb/datasets/jets.h5, every value bit-identical.

  python bundle.py path/to/jets_30000.parquet [../../../lumin_nb/datasets/jets.h5]
The result is read with the core install; this script needs the extra `hep` (pyarrow). Prints the sha256 that
`lumin_nb.jets.JETS_SHA256` must hold.
"""

import hashlib
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq

from lumin_nb.core import atomic_path

SOURCE_SHA256 = "9ef6a4f5f1cf0037a621f9c3e57ff201c0f4a56ff6c33a3d330b921f8a21d1f9"
CLASSES, PER_CLASS = ["g", "q", "W", "Z", "t"], 2000
UNITS = {"jet_pt": "GeV", "jet_mass": "GeV", "jet_phi": "rad", "pt": "GeV", "dphi": "rad"}
HERE = Path(__file__).parent


def arrays(table) -> dict[str, np.ndarray]:
    "Path inside the HDF5 file -> array, in the order of the columns; lists become values and offsets"
    label = table["label"].to_numpy()
    rank = np.empty(len(label), int)
    for c in range(len(CLASSES)):
        rank[label == c] = np.arange((label == c).sum())
    table, out = table.filter(rank < PER_CLASS), {}
    for name in table.column_names:
        col = table[name].combine_chunks()
        if name.startswith("const_"):
            values = [np.asarray(v) for v in col.to_numpy(zero_copy_only=False)]
            out["constituents/" + name.removeprefix("const_")] = np.concatenate(values)
            out["constituents/offsets"] = np.concatenate([[0], np.cumsum([len(v) for v in values])]).astype(np.int32)
        else:
            out["jets/" + name] = col.to_numpy(zero_copy_only=False)
    return out


def write(data: dict[str, np.ndarray], path: Path) -> None:
    "Write the arrays compressed, with units and provenance as attributes"
    with atomic_path(path, overwrite=True) as tmp, h5py.File(tmp, "w", track_order=True, locking=False) as f:
        f.attrs["licence"], f.attrs["classes"], f.attrs["source_sha256"] = "CC0-1.0", CLASSES, SOURCE_SHA256
        for group in ("jets", "constituents"):
            f.create_group(group, track_order=True)
        for name, x in data.items():
            d = f.create_dataset(name, data=x, chunks=x.shape, compression="gzip", compression_opts=9, shuffle=True)
            if x.dtype == np.float32:
                d.attrs["unit"] = UNITS.get(name.split("/")[1], "")


def check(data: dict[str, np.ndarray], path: Path) -> None:
    "Every array read back has the dtype, the shape and the bytes of the one in the parquet file"
    with h5py.File(path) as f:
        for name, x in data.items():
            y = f[name][()]
            assert (y.dtype, y.shape, y.tobytes()) == (x.dtype, x.shape, x.tobytes()), f"{name} differs"


if __name__ == "__main__":
    src = Path(sys.argv[1])
    dst = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[2] / "lumin_nb" / "datasets" / "jets.h5"
    assert hashlib.sha256(src.read_bytes()).hexdigest() == SOURCE_SHA256, f"{src} is not the file of SOURCES.md"
    data = arrays(pq.read_table(src))
    write(data, dst)
    check(data, dst)
    print(f"{dst.name} {dst.stat().st_size} bytes sha256 {hashlib.sha256(dst.read_bytes()).hexdigest()}")
