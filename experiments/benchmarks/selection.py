"""Feature selection on wide data beside LUMIN 0.9.1: python experiments/benchmarks/selection.py [--venv FOLDER WITH LUMIN] [--parts repeated linear mutual]

Planted data of 100,000 events (70,000 to train, 30,000 to validate) with weights: 15 % of the features informative, 45 % monotone copies, 30 % functions of
two informative features, 10 % noise. LUMIN's functions (patched to run: selection_in_lumin.py) and ours get the same frames, forests, number of forests,
subsample, repetitions and thresholds, and all cores. Imports and reading are on nobody's clock. Everything is measured within one run, LUMIN and ours one after
the other, part by part; a job of LUMIN that has used its limit of process time (`limits` in `CASES`) is stopped, and its ratio is a lower bound: "at least".
Printed as tables for results.md: process and wall time with their ratios for each part and number of features, and what is left of the planted roles, with the
AUC, on events that nobody has seen, of the same boosted trees with the features that each has kept. The cost is drawn to selection_cost.png. Whole answers of
LUMIN are kept in --cache: where LUMIN is stopped, its selection is shown from there; its times never are. To fill it: --engines (none) --limit 600.
"""

import argparse
import hashlib
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from lumin_nb.toy import cache_folder, planted

HERE, N, N_TRAIN = Path(__file__).resolve().parent, 100_000, 70_000
FOREST = {"min_samples_leaf": 3, "max_features": "sqrt"}  # LUMIN's default leaf, and the share of features that its scan starts from
CASES = {  # Settings of both; `n_rows` is rfpimp's n_samples
    "repeated": {"n_estimators": 40, "n_rfs": 2, "subsample_rate": 0.1, "more": {"n_reps": 2, "min_frac_import": 0.8}},
    "linear": {"n_estimators": 10, "n_rfs": 2, "subsample_rate": 0.05, "more": {"corr_threshold": 0.8}},
    "mutual": {"n_estimators": 5, "n_rfs": 5, "subsample_rate": 0.05, "n_rows": 500, "more": {"md_threshold": 0.8}},
}
LIMITS = {"repeated": {}, "linear": {100: 40, 200: 60}, "mutual": {25: 60, 50: 25, 100: 15, 200: 130}}  # LUMIN's process time by number of features [s]
NAMES = {"repeated": "repeated_rf_rank_features", "linear": "auto_filter_on_linear_correlation", "mutual": "auto_filter_on_mutual_dependence"}
TITLES = {"repeated": "repeated ranking", "linear": "filter on rank correlation", "mutual": "filter on mutual dependence"}


def sizes(n_feat: int) -> dict:
    "How many features of each role"
    n_info, n_copies, n_dep = max(2, round(0.15 * n_feat)), round(0.45 * n_feat), round(0.3 * n_feat)
    return {"n_info": n_info, "n_copies": n_copies, "n_dep": n_dep, "n_noise": n_feat - n_info - n_copies - n_dep}


@cache
def write(n_feat: int, folder: Path) -> tuple[Path, dict]:
    "The table as a file that both can read, and the roles"
    df, roles = planted(N, **sizes(n_feat), seed=n_feat)
    path = folder / f"planted_{n_feat}.npz"
    np.savez(path, x=df[list(roles)].to_numpy(), y=df.gen_target.to_numpy(), w=df.gen_weight.to_numpy(), names=np.array(list(roles)))
    return path, roles


def job_of(part: str, n_feat: int) -> dict:
    "A job for either side"
    forest = {"rf_params": FOREST | {"n_jobs": -1}, "objective": "classification", "n_train": N_TRAIN, "seed": 0}
    return {"task": part, "n_feat": n_feat, **forest, **CASES[part]}


def kept_at(folder: Path, job: dict) -> Path:
    "Where LUMIN's whole answer to a job is kept"
    return folder / f"{job['task']}_{job['n_feat']}_{hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:16]}.json"


def ask(cmd: list, jobs: list[dict], folder: Path, more: dict | None = None) -> list[dict]:
    "Answers of another process to jobs"
    for i, j in enumerate(jobs): j["out"] = str(folder / f"answer_{i}.json")
    (folder / "jobs.json").write_text(json.dumps(jobs))
    env = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"} | (more or {})
    done = subprocess.run([*cmd, folder / "jobs.json"], env=env, capture_output=True, text=True, cwd=folder)
    if done.returncode: raise RuntimeError(f"{cmd} failed: {done.stderr[-2000:]}")
    return [json.loads(Path(j["out"]).read_text()) for j in jobs]


def in_lumin(venv: Path, jobs: list[dict], limit: float | None, keep: Path, folder: Path) -> list[dict]:
    "LUMIN's answers; whole ones are kept"
    limits = [limit or LIMITS[j["task"]].get(j["n_feat"], 600) for j in jobs]
    todo = [j | {"data": str(write(j["n_feat"], folder)[0]), "limit": t} for j, t in zip(jobs, limits)]
    cmd = [venv.absolute() / "bin" / "python", "-W", "ignore", HERE / "selection_in_lumin.py"]
    answers = ask(cmd, todo, folder, {"PYTHONPATH": str(venv.absolute() / "stand_ins")})
    keep.mkdir(parents=True, exist_ok=True)
    for j, a in zip(jobs, answers):
        if a["kept"] is not None: kept_at(keep, j).write_text(json.dumps(a))
    return answers


def ours(jobs: list[dict], engine: str, folder: Path) -> list[dict]:
    "Our answers, from a process of their own"
    todo = [j | {"data": str(write(j["n_feat"], folder)[0]), "engine": engine, "n_jobs": os.cpu_count()} for j in jobs]
    return ask([sys.executable, "-W", "ignore", Path(__file__).resolve(), "--child"], todo, folder)


def child(path: Path) -> None:
    "Do our jobs, one after the other"
    import lightgbm  # noqa: F401
    import sklearn.ensemble  # Imports are on nobody's clock
    import sklearn.tree  # noqa: F401

    from lumin_nb.data import filter, select

    for job in json.loads(path.read_text()):
        with np.load(job["data"]) as d:
            feats = d["names"].tolist()
            df = pd.DataFrame(d["x"], columns=feats).assign(gen_target=d["y"], gen_weight=d["w"])
        train, val = df[: job["n_train"]].reset_index(drop=True), df[job["n_train"] :].reset_index(drop=True)
        f = getattr(select if job["task"] == "repeated" else filter, NAMES[job["task"]])
        args = {k: job[k] for k in ("objective", "subsample_rate", "n_estimators", "n_rfs", "seed", "engine", "n_jobs")} | job["more"]
        args |= {"targ_name": "gen_target", "wgt_name": "gen_weight", "rf_params": dict(FOREST), "optimise_rf": False, "verbose": False}
        args["train_feats" if job["task"] == "repeated" else "check_feats"] = feats
        equal = {"n_perms": 1, "n_rows": 5000, "n_samples": job.get("n_rows")}  # As rfpimp permutes
        args |= {k: v for k, v in equal.items() if k in inspect.signature(f).parameters and v is not None}
        used = lambda: sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
        start, wall = used(), time.perf_counter()
        kept = f(train, val, **args)
        wall, process = time.perf_counter() - wall, used() - start  # Our forests grow in threads: nothing is left in other processes
        kept = kept[0] if isinstance(kept, tuple) else kept
        Path(job["out"]).write_text(json.dumps({"process": process, "wall": wall, "kept": list(kept)}))


def truth(kept: list[str], roles: dict) -> list[str]:
    "What is left of the planted roles: features, informative ones lost (neither they nor a copy is kept), copies left too many, dependent ones, noise"
    held = [f if roles[f][0] == "informative" else roles[f][1][0] for f in kept if roles[f][0] in ("informative", "copy")]
    n = {r: sum(k == r for k, _ in roles.values()) for r in ("informative", "copy", "dependent", "noise")}
    of = lambda r: f"{sum(roles[f][0] == r for f in kept)} of {n[r]}"
    lost, copies = n["informative"] - len(set(held)), len(held) - len(set(held))
    return [f"{len(kept)} of {len(roles)}", f"{lost} of {n['informative']}", f"{copies} of {n['copy']}", of("dependent"), of("noise")]


@cache
def auc_of(kept: tuple[str, ...], n_feat: int) -> str:
    "AUC on 30,000 fresh events, with its error, of boosted trees trained on the kept features of 25,000 training events"
    import lightgbm

    from lumin_nb.core import round_unc
    from lumin_nb.score import auc_with_error

    (df, _), (new, _) = tables(n_feat)
    model = lightgbm.LGBMClassifier(n_estimators=60, max_bin=63, n_jobs=1, verbose=-1, random_state=0, deterministic=True, force_row_wise=True)
    df = df[:25_000]
    model.fit(df[list(kept)], df.gen_target, sample_weight=df.gen_weight)
    p = model.predict_proba(new[list(kept)])[:, 1]
    return round_unc(*auc_with_error(p, new.gen_target.to_numpy() == 1, new.gen_weight.to_numpy(), n=30))


@cache
def tables(n_feat: int) -> tuple:
    "Training events, and fresh ones"
    df, roles = planted(N, **sizes(n_feat), seed=n_feat)
    return (df[:N_TRAIN], roles), planted(30_000, **sizes(n_feat), seed=n_feat + 1)


def cost_rows(part: str, runs: dict) -> list[str]:
    "Lines of the table of costs"
    lines = []
    for n, got in sorted(runs.items()):
        lumin = got.get("LUMIN")
        for name, g in got.items():
            if name == "LUMIN": continue
            least = "" if lumin is None or lumin["kept"] is not None else "at least "
            ratio = [f"{least}{lumin[k] / g[k]:.1f}" if lumin else "" for k in ("process", "wall")]
            there = [f"{lumin[k]:.1f}{' (stopped)' if least else ''}" if lumin else "" for k in ("process", "wall")]
            cells = [TITLES[part], n, name.split(", ")[1], there[0], f"{g['process']:.1f}", ratio[0], there[1], f"{g['wall']:.1f}", ratio[1]]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def truth_rows(part: str, runs: dict, keep: Path) -> list[str]:
    "Lines of the table of planted truth: for the most features, and for the most with which LUMIN has finished"
    whole, lines = [n for n, got in runs.items() if got.get("LUMIN", {}).get("kept") is not None], []
    for n in sorted({max(runs), *whole[-1:]}, reverse=True):
        roles, old = tables(n)[0][1], kept_at(keep, job_of(part, n))
        rows = {"all features": list(roles)} | {k: g["kept"] for k, g in runs[n].items()}  # None for what was stopped
        if rows.get("LUMIN", []) is None and old.exists():
            if whole_one := json.loads(old.read_text())["kept"]: rows["LUMIN, whole, in an earlier run"] = whole_one
        for name, kept in rows.items():
            if kept is None: lines.append(f"| {TITLES[part]} | {n} | {name}: stopped, {len(runs[n][name]['dropped'])} dropped so far | | | | | | |")
            else: lines.append(f"| {TITLES[part]} | {n} | {name} | {' | '.join(truth(kept, roles))} | {auc_of(tuple(sorted(kept)), n)} |")
    return lines


def draw(cost: dict, path: Path) -> None:
    "Process time against the number of features"
    import matplotlib.pyplot as plt

    from lumin_nb.plot import PALETTE, style

    with style():
        fig, axs = plt.subplots(1, len(cost), figsize=(3.6 * len(cost), 3.4), squeeze=False, layout="constrained")
        for ax, (part, runs) in zip(axs[0], cost.items()):
            for i, name in enumerate(dict.fromkeys(k for got in runs.values() for k in got)):
                pts = [(n, got[name]["process"], got[name]["kept"] is None) for n, got in sorted(runs.items()) if name in got]
                for way in (True, False):  # Stopped: a lower bound, an arrow that points up
                    some = [p[:2] for p in pts if p[2] == way]
                    if some: ax.plot(*zip(*some), "^" if way else "o-", color=PALETTE[i], mfc="none" if way else None, ms=7 if way else 4)
                ax.plot([], [], "o-", color=PALETTE[i], label=name, ms=4)
            stopped = any(g["kept"] is None for got in runs.values() for g in got.values())
            if stopped: ax.plot([], [], "^", color=PALETTE[0], mfc="none", label="stopped: at least")
            ax.set(xscale="log", yscale="log", xlabel="number of features", title=TITLES[part])
            ax.set_xticks(sorted(runs), [str(n) for n in sorted(runs)])
            ax.minorticks_off()
            ax.legend()
        axs[0][0].set_ylabel("process time [s]")
        fig.savefig(path)
        plt.close(fig)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--venv", type=Path, default=cache_folder() / "lumin-0.9.1-venv", help="where LUMIN 0.9.1 is installed")
    p.add_argument("--parts", nargs="+", choices=list(CASES), default=list(CASES))
    p.add_argument("--engines", nargs="*", default=["sklearn", "lightgbm"], help="of ours; all but the first for the largest number of features only")
    p.add_argument("--features", type=int, nargs="+", default=[25, 50, 100, 200], help="numbers of features")
    p.add_argument("--limit", type=float, help="when to stop a job of LUMIN: process time [s]; instead of LIMITS")
    p.add_argument("--cache", type=Path, default=cache_folder() / "selection_in_lumin", help="folder for LUMIN's whole answers")
    p.add_argument("--plot", type=Path, default=HERE / "selection_cost.png")
    p.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.child:
        child(args.child)
        sys.exit()
    cost, feats, begin = {}, sorted(args.features), time.perf_counter()
    with tempfile.TemporaryDirectory() as tmp:
        for part in args.parts:
            got = {}
            if args.venv.exists(): got["LUMIN"] = in_lumin(args.venv, [job_of(part, n) for n in feats], args.limit, args.cache, Path(tmp))
            for i, engine in enumerate(args.engines):
                some = feats[-1:] if i else feats
                got[f"ours, {engine}"] = [None] * (len(feats) - len(some)) + ours([job_of(part, n) for n in some], engine, Path(tmp))
            cost[part] = {n: {k: v[j] for k, v in got.items() if v[j]} for j, n in enumerate(feats)}
            for n, g in cost[part].items():
                if "LUMIN" in g:
                    where = ", ".join(f"{k} {v:.1f} s" for k, v in sorted(g["LUMIN"]["spent"].items(), key=lambda x: -x[1]))
                    rounds = f"{len(g['LUMIN']['asked'])} rounds of removals"
                    print(f"{part}, {n} features, LUMIN: process {g['LUMIN']['process']:.1f} s, {rounds}; {where}", flush=True)
            print(*cost_rows(part, cost[part]), f"{part}: done after {time.perf_counter() - begin:.0f} s", sep="\n", flush=True)
    if args.engines:
        draw(cost, args.plot)
        print("\n| | features | engine | LUMIN process s | ours | ratio | LUMIN wall s | ours | ratio |", "|---" * 9 + "|", sep="\n")
        for part, runs in cost.items(): print(*cost_rows(part, runs), sep="\n")
        print("\n| | features | whose | kept | informative lost | copies left | dependent kept | noise kept | AUC |", "|---" * 9 + "|", sep="\n", flush=True)
        for part, runs in cost.items(): print(*truth_rows(part, runs, args.cache), sep="\n", flush=True)
    print(f"\nall: {time.perf_counter() - begin:.0f} s of wall time, {os.cpu_count()} cores")
