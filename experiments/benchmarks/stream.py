"""Memory and speed of streaming a table larger than memory into a fold file: python experiments/benchmarks/stream.py [--gb 4]

A synthetic csv and an uncompressed ROOT file (with a jagged branch) of that size each go through `foldfile`, in a process of its own whose peak
memory the operating system tells; --kinds csv tree rntuple parquet takes more. Writes into a temporary folder (twice the size is needed there,
LUMIN_NB_TMP names another) and removes it. The memory must stay under 1 GB, whatever the size. Needs the extra `hep`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

FEATS, LIMIT = [f"x{i}" for i in range(12)], 1e9


def block(n: int, seed: int) -> dict[str, np.ndarray]:
    "Columns of `n` events"
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    cols = {f: rng.normal(0.2 * y, 1) for f in FEATS}
    return cols | {"label": y, "weight": rng.uniform(0.5, 1.5, n), "event": np.arange(n) + seed * n}


def make_csv(path: Path, size: float) -> int:
    "A csv of about `size` bytes: a block of 50,000 events again and again; gives the number of events"
    import pandas as pd

    head, _, text = pd.DataFrame(block(50_000, 0)).to_csv(index=False).partition("\n")
    n = max(1, round(size / len(text)))
    with open(path, "w") as f:
        f.write(head + "\n")
        for _ in range(n):
            f.write(text)
    return n * 50_000


def blocks(path: Path, size: float) -> Iterator[dict]:
    "Columns of blocks of 200,000 events with zero to ten jets each, until the file has about `size` bytes"
    import awkward as ak

    n, step = 0, 200_000
    while n == 0 or path.stat().st_size < size:
        counts = np.random.default_rng([n, 1]).integers(0, 11, step)
        jets = np.random.default_rng([n, 2]).exponential(40, counts.sum()).astype(np.float32)
        yield block(step, n) | {"jet_pt": ak.unflatten(jets, counts)}
        n += 1


def make_root(path: Path, size: float, kind: str) -> int:
    "A TTree or RNTuple without compression; gives the number of events"
    import uproot

    n = 0
    with uproot.recreate(path, compression=None) as f:
        for n, cols in enumerate(blocks(path, size), 1):
            if n > 1:
                f["events"].extend(cols)
            elif kind == "tree":
                f.mktree("events", {k: getattr(v, "type", None) or v.dtype for k, v in cols.items()})
                f["events"].extend(cols)
            else:
                f.mkrntuple("events", cols)
    return n * 200_000


def make_parquet(path: Path, size: float) -> int:
    "Row groups of 200,000 events without compression; gives the number of events"
    import awkward as ak
    import pyarrow as pa
    import pyarrow.parquet as pq

    n, f = 0, None
    for cols in blocks(path, size):
        n += len(cols["label"])
        table = pa.table({k: ak.to_arrow(v, extensionarray=False) if isinstance(v, ak.Array) else v for k, v in cols.items()})
        f = f or pq.ParquetWriter(path, table.schema, compression=None)
        f.write_table(table)
    f.close()
    return n


def child(source: str, out: str, chunk: int) -> None:
    "Stream one file; print memory and time as JSON"
    from lumin_nb.data.source import foldfile

    import_extra_first(source)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    more = {} if source.endswith(".csv") else {"ragged": {"jets": {"pt": "jet_pt"}}}
    start = time.perf_counter()
    foldfile(source, out, 10, FEATS, [], "label", "int", strat_key="label", wgt_feat="weight", misc_feats=["event"], chunk=chunk, **more)
    took = time.perf_counter() - start
    print(json.dumps({"took": took, "base": base, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def import_extra_first(source: str) -> None:
    "Libraries are not what is measured"
    if not source.endswith(".csv"):
        import awkward  # noqa: F401
        import uproot  # noqa: F401


def measure(kind: str, size: float, chunk: int, folder: Path) -> bool:
    "Make a file, stream it, say what it took; is the memory within the limit?"
    path = folder / f"events.{kind if kind in ('csv', 'parquet') else 'root'}"
    n = {"csv": make_csv, "parquet": make_parquet}.get(kind, partial(make_root, kind=kind))(path, size)
    run = [sys.executable, __file__, "--child", str(path), str(folder / "out"), "--chunk", str(chunk)]
    r = json.loads(subprocess.run(run, check=True, capture_output=True, text=True, env=os.environ | {"IN_TEST": "1"}).stdout)
    out, read = (folder / "out.hdf5").stat().st_size, path.stat().st_size
    print(
        f"{kind:<7} {read / 1e9:5.2f} GB {n:>11,} events -> {out / 1e9:5.2f} GB   peak {r['peak'] / 1e6:5.0f} MB (before: {r['base'] / 1e6:.0f} MB)   "
        f"{r['took']:6.1f} s, {n / r['took'] / 1e3:6.0f} thousand events/s, {read / r['took'] / 1e6:5.0f} MB/s",
        flush=True,
    )
    path.unlink()
    (folder / "out.hdf5").unlink()
    return r["peak"] < LIMIT


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--gb", type=float, default=4.0, help="size of each file [GB]")
    p.add_argument("--kinds", nargs="+", default=["csv", "tree"], choices=["csv", "tree", "rntuple", "parquet"])
    p.add_argument("--chunk", type=int, default=100_000)
    p.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.child:
        child(*a.child, a.chunk)
    else:
        with tempfile.TemporaryDirectory(dir=os.environ.get("LUMIN_NB_TMP")) as tmp:
            ok = [measure(k, a.gb * 1e9, a.chunk, Path(tmp)) for k in a.kinds]
        sys.exit(0 if all(ok) else f"more than {LIMIT / 1e9:g} GB of memory")
