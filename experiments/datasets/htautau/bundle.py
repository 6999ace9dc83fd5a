"""Pack htautau.parquet into lumin_nb/datasets/htautau.h5, readable with the core install, every value bit-identical.

  python bundle.py path/to/htautau.parquet [../../../lumin_nb/datasets/htautau.h5]
Needs the extra `hep` (pyarrow). Prints the sha256 that `lumin_nb.toy.HTAUTAU_SHA256` must hold.
"""

import hashlib
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq

from lumin_nb.core import atomic_path

SOURCE_SHA256 = "3769684bcc5b195b9485ff344eaae897cde4ebe37049e42a34a5d148c15fae9d"
PROCESSES = ["ggH", "VBF", "Ztautau", "ttbar", "Wjets"]
HERE = Path(__file__).parent


def arrays(table) -> dict[str, np.ndarray]:
    "Path inside the HDF5 file -> array, in the order of the columns; lists become values and offsets"
    out = {}
    for name in table.column_names:
        col = table[name].combine_chunks()
        if name.startswith("jet_"):
            out["jets/" + name[4:]] = col.values.to_numpy()
            out["jets/offsets"] = col.offsets.to_numpy()
        else:
            out["events/" + name] = col.to_numpy()
    return out


def write(data: dict[str, np.ndarray], path: Path) -> None:
    "Write the arrays compressed, with units and provenance as attributes"
    with atomic_path(path, overwrite=True) as tmp, h5py.File(tmp, "w", track_order=True, locking=False) as f:
        f.attrs["licence"], f.attrs["processes"], f.attrs["source_sha256"] = "CC0-1.0", PROCESSES, SOURCE_SHA256
        for group in ("events", "jets"):
            f.create_group(group, track_order=True)
        for name, x in data.items():
            d = f.create_dataset(name, data=x, chunks=x.shape, compression="gzip", compression_opts=9, shuffle=True)
            if x.dtype == np.float32:
                d.attrs["unit"] = "rad" if name.endswith("phi") else "" if name.endswith(("eta", "weight")) else "GeV"


def check(data: dict[str, np.ndarray], path: Path) -> None:
    "Every array read back has the dtype, the shape and the bytes of the one in the parquet file"
    with h5py.File(path) as f:
        for name, x in data.items():
            y = f[name][()]
            assert (y.dtype, y.shape, y.tobytes()) == (x.dtype, x.shape, x.tobytes()), f"{name} differs"


if __name__ == "__main__":
    src = Path(sys.argv[1])
    dst = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[2] / "lumin_nb" / "datasets" / "htautau.h5"
    assert hashlib.sha256(src.read_bytes()).hexdigest() == SOURCE_SHA256, f"{src} is not the file of SOURCES.md"
    data = arrays(pq.read_table(src))
    write(data, dst)
    check(data, dst)
    print(f"{dst.name} {dst.stat().st_size} bytes sha256 {hashlib.sha256(dst.read_bytes()).hexdigest()}")
