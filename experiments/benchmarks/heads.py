"""Speed of heads over objects, beside LUMIN 0.9.1: python experiments/benchmarks/heads.py [--venv FOLDER WITH LUMIN 0.9.1]

Forward and backward of the interaction network and GravNet for 256 events of 32 objects, on one thread of the CPU. Ours and LUMIN's are separate
processes that take turns; a ratio is that of two neighbouring measurements, each the quickest of a few calls. Outputs and gradients are compared with
LUMIN's weights: GravNet's as they are, the interaction network's with the edges that LUMIN really has, a ring whose edges each count n - 1 times. Its
speed is that of the full graph, which has as many edges as LUMIN calculates.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from lumin_nb.nn.graph import GravNet, InteractionNet
from lumin_nb.toy import cache_folder

HERE = Path(__file__).resolve().parent
GRAV = {"n_s": 4, "n_lr": 16, "cat_means": True, "f_slr_depth": 1, "f_out_depth": 1}  # LUMIN's default depths
CASES = {
    "InteractionNet of LUMIN's documentation": ("InteractionNet", 10, {"intfunc_outs": [20, 10], "outfunc_outs": [20, 4]}),
    "InteractionNet, 32 and 16 wide": ("InteractionNet", 8, {"intfunc_outs": [32, 16], "outfunc_outs": [32, 16]}),
    "InteractionNet, 64, 64 and 32 wide": ("InteractionNet", 8, {"intfunc_outs": [64, 64, 32], "outfunc_outs": [64, 32]}),
    "GravNet, two layers, 8 neighbours": ("GravNet", 8, GRAV | {"k": 8, "n_out": [32, 32]}),
    "GravNet, two layers, 16 neighbours": ("GravNet", 8, GRAV | {"k": 16, "n_out": [32, 32]}),
    "GravNet, two deeper layers, 8 neighbours": ("GravNet", 8, GRAV | {"k": 8, "n_out": [32, 32], "f_out_depth": 2}),
}


def ours(kind: str, n_fpv: int, opts: dict, **more) -> torch.nn.Module:
    "Our network of a case"
    torch.manual_seed(0)
    if kind == "GravNet": return GravNet(n_fpv, act_last=True, **opts)  # LUMIN's coordinates have passed the activation, too
    return InteractionNet(n_fpv, **opts, **more)


def step(net: torch.nn.Module, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    "Forward and backward"
    net.zero_grad()
    y = net(x, mask)
    y.pow(2).mean().backward()
    return y


def child() -> None:
    "The process that is timed: one JSON job per line"
    torch.set_num_threads(1)
    nets = {}
    for line in sys.stdin:
        job = json.loads(line)
        if job["name"] not in nets:
            c = job["case"]
            x = torch.randn(c["n_event"], c["n_obj"], c["n_fpv"])
            nets[job["name"]] = ours(c["kind"], c["n_fpv"], c["opts"]), x, torch.ones(x.shape[:2], dtype=torch.bool)
        clock, took = getattr(time, job["clock"]), []
        for _ in range(job["calls"]):
            start = clock()
            step(*nets[job["name"]])
            took.append(clock() - start)
        print(json.dumps({"seconds": min(took)}), flush=True)


def ask(process: subprocess.Popen, **job) -> dict:
    "Send a job, wait for its answer"
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line: raise RuntimeError("the process ended without an answer")
    return json.loads(line)


def rename(name: str) -> str:
    "LUMIN's name of a parameter -> ours"
    return re.sub(r"\.(\d+)\.0\.(weight|bias)$", r".lins.\1.\2", name.replace("grav_layers", "layers"))


def compare(path: Path, kind: str, n_fpv: int, opts: dict, n_obj: int) -> str:
    "Largest differences of outputs and gradients, with LUMIN's weights"
    d = dict(np.load(path))
    more = {"edges": [((i - 1) % n_obj, i % n_obj) for i in range(n_obj * (n_obj - 1))]} if kind == "InteractionNet" else {}
    net = ours(kind, n_fpv, opts, **more)
    net.load_state_dict({rename(n[6:]): torch.tensor(t) for n, t in d.items() if n.startswith("value.")})
    x = torch.tensor(d["x"])
    y = step(net, x, torch.ones(x.shape[:2], dtype=torch.bool)).detach().numpy()
    pairs = [(p.grad.numpy(), d[f"grad.{n}"]) for n, p in ((n, dict(net.named_parameters())[rename(n)]) for n in (k[6:] for k in d if k.startswith("value.")))]
    grad = max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs if np.abs(b).max() > 0)
    return f"outputs differ by {np.abs(y - d['y']).max() / np.abs(d['y']).max():.1e}, gradients by {grad:.1e} of the largest"


def main(args: argparse.Namespace) -> None:
    "All cases"
    env = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "IN_TEST": "1"}
    start = lambda cmd, **more: subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env | more)
    procs = {"ours": start([sys.executable, __file__, "--child"])}
    if args.venv.exists():
        cmd = [args.venv.absolute() / "bin" / "python", "-W", "ignore", HERE / "heads_in_lumin.py"]
        procs["LUMIN"] = start(cmd, PYTHONPATH=str(args.venv.absolute() / "stand_ins"))
    else:
        print(f"{args.venv} does not exist: only ours is timed")
    for name, (kind, n_fpv, opts) in CASES.items():
        if args.only not in name: continue
        case = {"kind": kind, "n_fpv": n_fpv, "n_obj": args.objects, "n_event": args.events, "opts": opts}
        job = {"name": name, "case": case, "calls": args.calls, "clock": "process_time" if args.cpu else "perf_counter"}
        if "LUMIN" in procs:
            with tempfile.TemporaryDirectory() as tmp:
                aggs = {"agg_methods": ["mean", "max"]} if kind == "GravNet" else {}
                # After ReLU objects are at the same place, and which are nearest is anybody's choice
                smooth = opts | ({"act": "swish"} if kind == "GravNet" else {})
                ask(procs["LUMIN"], name=name + " smooth", case=case | {"opts": smooth | aggs}, dump=str(Path(tmp) / "lumin.npz"))
                ask(procs["LUMIN"], **job | {"case": case | {"opts": opts | aggs}})
                print(f"{name}: {compare(Path(tmp) / 'lumin.npz', kind, n_fpv, smooth, args.objects)}", flush=True)
        for p in procs.values(): ask(p, **job)
        sec = {who: [] for who in procs}
        for _ in range(args.repeat):
            for who, p in procs.items(): sec[who].append(ask(p, **job)["seconds"] * 1e3)
        text = ", ".join(f"{who} {statistics.median(s):.1f} ms ({min(s):.1f} to {max(s):.1f})" for who, s in sec.items())
        if "LUMIN" in sec:
            ratio = sorted(b / a for a, b in zip(sec["ours"], sec["LUMIN"]))
            text += f": {statistics.median(ratio):.2f} times as fast ({ratio[0]:.2f} to {ratio[-1]:.2f}); at least 3 is asked for"
        print(f"{name}: {text}", flush=True)
    for p in procs.values():
        p.stdin.close()
        p.wait()


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--venv", type=Path, default=cache_folder() / "lumin-0.9.1-venv", help="where LUMIN 0.9.1 is installed")
    p.add_argument("--only", default="", help="cases whose name has this part")
    p.add_argument("--repeat", type=int, default=9, help="turns")
    p.add_argument("--calls", type=int, default=5, help="calls in a turn, of which the quickest counts")
    p.add_argument("--objects", type=int, default=32)
    p.add_argument("--events", type=int, default=256)
    p.add_argument("--cpu", action="store_true", help="count processor time, for a machine that does other things, too")
    p.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    child() if args.child else main(args)
