"""LUMIN's half of `heads.py`, run in LUMIN's venv: reads one JSON job per line, answers each with one line

A job names a case, and how many calls to time (forward and backward), or a file for weights, inputs, outputs and gradients.
"""

import contextlib
import io
import json
import sys
import time

import numpy as np
import torch

torch.set_num_threads(1)
with contextlib.redirect_stdout(io.StringIO()):
    from lumin.nn.models.blocks.gnn_blocks import GravNet, InteractionNet

nets = {}


def make(name: str, kind: str, n_fpv: int, n_obj: int, n_event: int, opts: dict) -> None:
    "Network and inputs of a case; LUMIN's interaction network wants objects as columns"
    torch.manual_seed(0)
    cls = {"InteractionNet": InteractionNet, "GravNet": GravNet}[kind]
    net, x = cls(n_v=n_obj, n_fpv=n_fpv, **opts), torch.randn(n_event, n_obj, n_fpv)
    nets[name] = net, x if net.row_wise else x.transpose(1, 2).contiguous()


def step(net: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    "Forward and backward"
    net.zero_grad()
    y = net(x)
    y.pow(2).mean().backward()
    return y


for line in sys.stdin:
    job = json.loads(line)
    if job["name"] not in nets: make(job["name"], **job["case"])
    net, x = nets[job["name"]]
    if "dump" in job:
        y = step(net, x).detach()
        if not net.row_wise: x, y = x.transpose(1, 2), y.transpose(1, 2)
        params = {f"{what}.{n}": t.detach().numpy() for n, p in net.named_parameters() for what, t in (("value", p), ("grad", p.grad))}
        np.savez(job["dump"], x=x.numpy(), y=y.numpy(), **params)
        print(json.dumps({}), flush=True)
        continue
    clock, took = getattr(time, job["clock"]), []
    for _ in range(job["calls"]):
        start = clock()
        step(net, x)
        took.append(clock() - start)
    print(json.dumps({"seconds": min(took)}), flush=True)
