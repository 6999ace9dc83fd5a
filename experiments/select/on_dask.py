"""The forests of a judge on a Dask cluster of two workers: the same bits as without one?

Needs `pip install distributed` (not among the project's requirements). `python experiments/select/on_dask.py`
"""

import joblib
from dask.distributed import Client, LocalCluster

from lumin_nb.data.select import Judge
from lumin_nb.toy import planted


def judge(n_jobs: int | None) -> Judge:
    "The same judge each time"
    df, _ = planted(3000, seed=1)
    return Judge(df[:2000], df[2000:], "classification", wgt_name="gen_weight", n_estimators=10, n_rfs=2, n_jobs=n_jobs, seed=3)


def main() -> None:
    "Compare scores and influences of three sets of features"
    feats = list(planted(10, seed=1)[1])
    sets = [feats, feats[:-1], feats[1:]]
    here = judge(None).scores(sets)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        with joblib.parallel_config("dask"):
            there = judge(-1).scores(sets)
        work = client.run(lambda dask_worker: len(dask_worker.state.log))
    for a, b in zip(here, there, strict=True):
        assert (a.per_forest == b.per_forest).all() and (a.influence == b.influence).all()
    print(f"same bits; entries in the workers' logs: {sorted(work.values())}")


if __name__ == "__main__":
    main()
