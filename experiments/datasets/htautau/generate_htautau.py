# ruff: noqa
"""Generate a small pp -> l + tau_h sample (H->tautau search) with Pythia 8: our own events, CC0.

  python generate_htautau.py gen   [--minutes 14] [--workers 2]   # chunks/PROC_STREAM_CHUNK.pkl (resumable)
  python generate_htautau.py merge                                # htautau.parquet, htautau_3k.root
Needs: pythia8mc numpy awkward uproot pyarrow. Every chunk has its own fixed seed. Physics: see SOURCES.md.
"""
import argparse, glob, multiprocessing as mp, os, pickle, time
import numpy as np

LUMI = 20e3                                         # pb^-1 (20 fb^-1)
TAU_ID, B_TAG, B_MISTAG = 0.60, 0.70, 0.01          # identification efficiencies
PROC = {  # id: (name, label, k-factor, Pythia process settings)
    0: ("ggH", 1, 2.5, ["HiggsSM:gg2H = on", "25:m0 = 125.", "25:onMode = off", "25:onIfMatch = 15 -15"]),
    1: ("VBF", 1, 1.1, ["HiggsSM:ff2Hff(t:ZZ) = on", "HiggsSM:ff2Hff(t:WW) = on", "25:m0 = 125.",
                        "25:onMode = off", "25:onIfMatch = 15 -15"]),
    2: ("Ztautau", 0, 1.2, ["WeakSingleBoson:ffbar2gmZ = on", "PhaseSpace:mHatMin = 50.",
                            "23:onMode = off", "23:onIfAny = 15"]),
    3: ("ttbar", 0, 1.8, ["Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off"]),
    4: ("Wjets", 0, 1.2, ["WeakSingleBoson:ffbar2W = on", "24:onMode = off", "24:onIfAny = 11 13 15"])}
# Streams = exclusive decay assignments, added with their own weights: which charge gives the lepton
# (q), and whether the tau_h candidate is a true tau or a jet ("fake"; q = 0: either charge).
STREAMS = {0: ["-tau", "+tau"], 1: ["-tau", "+tau"], 2: ["-tau", "+tau"],
           3: ["-tau", "+tau", "-jet", "+jet"], 4: ["0jet"]}
# Chunk plan: (generated events per chunk, number of chunks) for each (process, stream)
PLAN = {(0, 0): (6000, 6), (0, 1): (6000, 6), (1, 0): (4000, 6), (1, 1): (4000, 6), (2, 0): (10000, 12),
        (2, 1): (10000, 12), (3, 0): (5000, 3), (3, 1): (5000, 3), (3, 2): (3000, 3), (3, 3): (3000, 3),
        (4, 0): (30000, 5)}
FLAT = ("lep_pt lep_eta lep_phi lep_q lep_flav tau_pt tau_eta tau_phi tau_m tau_q tau_nprong met_pt met_phi "
        "sum_et njet n_pv gen_boson_m gen_boson_pt gen_tau1_pt gen_tau1_eta gen_tau1_phi gen_tau1_m "
        "gen_tau2_pt gen_tau2_eta gen_tau2_phi gen_tau2_m").split()
INTS, JET = {"lep_q", "lep_flav", "tau_q", "tau_nprong", "njet", "n_pv"}, "jet_pt jet_eta jet_phi jet_m jet_btag".split()

def dR(e1, p1, e2, p2): return float(np.hypot(e1 - e2, (p1 - p2 + np.pi) % (2 * np.pi) - np.pi))
def p4(q): return (q.pT(), q.eta(), q.phi(), q.mCalc())
def is_b_hadron(i): i = abs(i); return i > 500 and ((i // 100) % 10 == 5 or (i // 1000) % 10 == 5)
def p_fake(pt): return 0.01 * (20.0 / pt) ** 0.8    # jet -> tau_h: 1 % at 20 GeV, falling with pT

def setup(pid, stream, seed):
    import pythia8mc
    p, q = pythia8mc.Pythia("", False), stream[0]
    cmds = ["Print:quiet = on", "Beams:eCM = 13000.", "Random:setSeed = on", f"Random:seed = {seed}",
            "PartonLevel:MPI = off", "HadronLevel:all = off",      # hadronise only what passes, see below
            "ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10."] + PROC[pid][3]
    lep, had = ("Pos", "Neg") if q == "-" else ("Neg", "Pos")      # "Pos" = the particle, tau-
    if stream[1:] == "tau":       # one tau leptonic, the other hadronic
        cmds += [f"15:onMode = {3 if q == '-' else 2}", f"15:on{lep}IfAny = 11 13"]
    else:                         # any tau is the source of the lepton
        cmds += ["15:onMode = off", "15:onIfAny = 11 13"]
    if pid == 3:                  # for W, "Pos" = W+: one W leptonic, the other W->tau nu or W->qq'
        cmds += [f"24:on{had}IfAny = 11 13 15",
                 "24:onIfAny = 15" if stream[1:] == "tau" else f"24:on{lep}IfAny = 1 2 3 4 5"]
    if not (all(p.readString(c) for c in cmds) and p.init()): raise RuntimeError("Pythia setup failed")
    tau = p.particleData.particleDataEntryPtr(15)
    chans = [tau.channel(i) for i in range(tau.sizeChannels())]
    b_lep = sum(c.bRatio() for c in chans if {11, 13} & {abs(c.product(j)) for j in range(c.multiplicity())})
    return p, pythia8mc.SlowJet(-1, 0.4, 12.0, 4.9, 2, 2), b_lep / sum(c.bRatio() for c in chans)

def make_event(p, sj, b_lep, rng, pid, stream):
    """One generated parton-level event -> (weight, flat values, jets), or None if it fails."""
    fake, qlep, ev = stream[1:] == "jet", stream[0], p.event
    # --- parton level: prompt leptons (mother = boson), loose kinematic filter -----------------------
    ilep = ihad = None
    for i in range(ev.size() - 1, 0, -1):
        a = ev[i].idAbs()
        if a in (11, 13, 15) and ev[i].isFinal():
            mother = ev[ev[i].iTopCopyId()].mother1()
            if ev[mother].idAbs() not in (23, 24, 25): continue
            q = "-" if ev[i].id() > 0 else "+"
            if qlep in ("0", q): ilep, iboson = i, mother
            else: ihad = i
    if ilep is None or (ihad is None and not fake): return None
    l, from_tau = ev[ilep], ev[ilep].idAbs() == 15
    if l.pT() < (22 if from_tau else 20) or abs(l.eta()) > 2.6: return None
    if not fake and (ev[ihad].pT() < 15 or abs(ev[ihad].eta()) > 2.7): return None
    if pid == 4 and ev[iboson].pT() < 10: return None
    gen = [ev[iboson].m(), ev[iboson].pT(), *(p4(l) if from_tau else [np.nan] * 4),
           *([np.nan] * 4 if fake else p4(ev[ihad]))]
    weight = b_lep if from_tau else 1.0
    # --- tau decays (spin-correlated), then cut on visible decay products ----------------------------
    if not p.moreDecays(): return None
    if from_tau: ilep = [k for k in ev[ilep].daughterListRecursive() if ev[k].idAbs() in (11, 13)][0]
    l = ev[ilep]
    if l.pT() < 19 or abs(l.eta()) > 2.4: return None
    used = [ilep]
    if not fake:
        vis = [k for k in ev[ihad].daughterListRecursive() if ev[k].isFinal() and ev[k].isVisible()]
        nprong = sum(ev[k].isCharged() and ev[k].idAbs() != 11 for k in vis)
        if nprong not in (1, 3): return None
        px, py, pz, e = (sum(getattr(ev[k], c)() for k in vis) for c in ("px", "py", "pz", "e"))
        pt = np.hypot(px, py)
        tau = [pt, np.arcsinh(pz / pt), np.arctan2(py, px), np.sqrt(max(e * e - px * px - py * py - pz * pz, 0))]
        if tau[0] < 13 or abs(tau[1]) > 2.5: return None
        weight, used, tau_q = weight * (1 - b_lep) * TAU_ID, used + vis, -ev[ihad].id() // 15
    lep, lep_q, flav = [l.pT() * rng.normal(1, 0.02), l.eta(), l.phi()], (-1 if l.id() > 0 else 1), l.idAbs()
    if lep[0] < 22: return None
    # --- hadronise, jets from everything visible but the lepton and the tau --------------------------
    if not p.forceHadronLevel(): return None
    for k in used: ev[k].statusNeg()                # hides them from the jet finder and the sums below
    sx = sy = set_ = 0.0; bhad = []
    for part in ev:
        if part.isFinal():
            if part.isVisible() and abs(part.eta()) < 4.9:
                sx += part.px(); sy += part.py(); set_ += part.pT()
        elif is_b_hadron(part.id()) and part.pT() > 5: bhad.append((part.eta(), part.phi()))
    sj.analyze(ev); jets = []
    for i in range(sj.sizeJet()):
        v = sj.p(i); pt, eta, phi = v.pT(), v.eta(), v.phi()
        if abs(eta) > 4.5: continue
        f = max(rng.normal(1, np.sqrt(0.49 / pt + 0.0016)), 0.05)
        sx += (f - 1) * v.px(); sy += (f - 1) * v.py(); set_ += (f - 1) * pt
        isb = abs(eta) < 2.5 and any(dR(eta, phi, *b) < 0.4 for b in bhad)
        jets.append((pt * f, eta, phi, max(v.mCalc(), 0) * f, int(rng.random() < (B_TAG if isb else B_MISTAG))
                     if abs(eta) < 2.5 else 0))
    # --- hadronic tau: smeared true tau, or one jet promoted to a fake --------------------------------
    if fake:
        cand = [(j, rng.uniform(0.7, 1.0)) for j in jets if abs(j[1]) < 2.5 and dR(j[1], j[2], *lep[1:]) > 0.4]
        cand = [(j, f) for j, f in cand if j[0] * f > 18]
        if not cand: return None
        prob = np.array([p_fake(j[0] * f) for j, f in cand]); weight *= prob.sum()
        j, f = cand[rng.choice(len(cand), p=prob / prob.sum())]; jets.remove(j)
        nprong, tau_q = (1 if rng.random() < 0.6 else 3), int(rng.choice([-1, 1]))
        m = rng.uniform(0.8, 1.6) if nprong == 3 else 0.13957 if rng.random() < 0.25 else rng.uniform(0.3, 1.2)
        tau = [j[0] * f, j[1], j[2], m * rng.normal(1, 0.08)]
    else:
        f = rng.normal(1, 0.08); tau = [tau[0] * f, tau[1], tau[2], tau[3] * f]
        sx += tau[0] * np.cos(tau[2]); sy += tau[0] * np.sin(tau[2]); set_ += tau[0]
    if tau[0] < 18 or dR(tau[1], tau[2], *lep[1:]) < 0.4: return None
    if pid != 4 and tau_q * lep_q > 0: return None
    # --- missing momentum: -(all smeared visible) + soft term + pile-up ------------------------------
    npv = int(rng.poisson(25)); sig = np.hypot(8.0, 2.0 * np.sqrt(npv))
    mx = -(sx + lep[0] * np.cos(lep[2])) + rng.normal(0, sig)
    my = -(sy + lep[0] * np.sin(lep[2])) + rng.normal(0, sig)
    set_ += lep[0] + max(rng.normal(10.0 * npv, 5.0 * np.sqrt(npv)), 0)
    jets = sorted((j for j in jets if j[0] > 20 and dR(j[1], j[2], *lep[1:]) > 0.4
                   and dR(j[1], j[2], *tau[1:3]) > 0.4), reverse=True)
    return weight, [*lep, lep_q, flav, *tau, tau_q, nprong, np.hypot(mx, my), np.arctan2(my, mx), set_,
                    len(jets), npv, *gen], jets[:8]

def run_chunk(job):
    pid, s, c = job
    out = f"chunks/{pid}_{s}_{c:03d}.pkl"
    if os.path.exists(out) or time.time() > DEADLINE: return None
    t0, seed, rows = time.time(), 1 + 100000 * pid + 10000 * s + c, []
    (p, sj, b_lep), rng = setup(pid, STREAMS[pid][s], seed), np.random.default_rng([2026, seed])
    for _ in range(PLAN[pid, s][0]):
        if p.next() and (r := make_event(p, sj, b_lep, rng, pid, STREAMS[pid][s])): rows.append(r)
    info = p.infoPython()
    with open(out + ".tmp", "wb") as f: pickle.dump((info.nAccepted(), info.sigmaGen() * 1e9, rows), f)
    os.rename(out + ".tmp", out)
    return f"{PROC[pid][0]:8s}{s} {c:3d}: {len(rows)} of {info.nAccepted()}, {time.time() - t0:.1f} s"

def round12(x):                                     # keep 12 mantissa bits (relative precision 2^-13)
    x = np.ascontiguousarray(x, np.float32)
    return np.where(np.isnan(x), x, ((x.view(np.uint32) + np.uint32(0x400)) & np.uint32(0xFFFFF800)).view(np.float32))

def merge():
    import awkward as ak, pyarrow as pa, pyarrow.parquet as pq, uproot
    pid, w, flat, jets = [], [], [], []
    for k, s in PLAN:
        chunks = [pickle.load(open(f, "rb")) for f in sorted(glob.glob(f"chunks/{k}_{s}_*.pkl"))]
        n = sum(c[0] for c in chunks); xsec = sum(c[0] * c[1] for c in chunks) / n
        rows = [r for c in chunks for r in c[2]]
        print(f"| {PROC[k][0]} | {STREAMS[k][s]} | {len(chunks)} | {n} | {xsec:.4g} | {len(rows)} |")
        pid += [k] * len(rows); w += [r[0] * xsec * PROC[k][2] * LUMI / n for r in rows]
        flat += [r[1] for r in rows]; jets += [r[2] for r in rows]
    order = np.random.default_rng(20260101).permutation(len(pid))
    pid, w, flat = np.array(pid, np.int8)[order], np.array(w)[order], np.array(flat)[order]
    jets = [jets[i] for i in order]
    cols = {"event_number": np.arange(1, len(pid) + 1, dtype=np.int64), "process": pid,
            "label": np.array([PROC[k][1] for k in range(5)], np.int8)[pid], "weight": round12(w)}
    cols |= {n: flat[:, i].astype(np.int8) if n in INTS else round12(flat[:, i]) for i, n in enumerate(FLAT)}
    off = np.concatenate([[0], np.cumsum([len(j) for j in jets])]).astype(np.int32)
    vals = np.array([v for j in jets for v in j])
    jcol = {n: vals[:, i].astype(np.int8) if n == "jet_btag" else round12(vals[:, i]) for i, n in enumerate(JET)}
    table = pa.table(cols | {n: pa.ListArray.from_arrays(pa.array(off), pa.array(v)) for n, v in jcol.items()})
    pq.write_table(table, "htautau.parquet", compression="zstd", compression_level=19,
                   use_dictionary=[*sorted(INTS), "process", "label"])
    n = min(3000, len(pid))
    j = ak.zip({k[4:]: ak.unflatten(v[:off[n]], np.diff(off[:n + 1])) for k, v in jcol.items()})
    with uproot.recreate("htautau_3k.root", compression=uproot.ZSTD(9)) as f:   # jet_n counts jet_pt, ...
        f.mktree("events", {k: v.dtype for k, v in cols.items()} | {"jet": j.type.content},
                 counter_name=lambda c: c + "_n")
        f["events"].extend({k: v[:n] for k, v in cols.items()} | {"jet": j})
    for k in PROC: print(f"{PROC[k][0]:8s} events {np.sum(pid == k):6d}  sum of weights {w[pid == k].sum():.1f}")
    print({f: os.path.getsize(f) for f in ("htautau.parquet", "htautau_3k.root")})

if __name__ == "__main__":
    ap = argparse.ArgumentParser(); ap.add_argument("step", choices=["gen", "merge"])
    ap.add_argument("--minutes", type=float, default=14); ap.add_argument("--workers", type=int, default=2)
    a = ap.parse_args()
    if a.step == "merge": merge()
    else:
        os.makedirs("chunks", exist_ok=True); DEADLINE = time.time() + 60 * a.minutes
        # take processes in turn: first chunks of everything, then second chunks, ...
        jobs = sorted(((k, s, c) for (k, s), (_, n) in PLAN.items() for c in range(n)),
                      key=lambda j: ((j[2] + 0.5) / PLAN[j[:2]][1], j))
        with mp.get_context("fork").Pool(a.workers, maxtasksperchild=1) as pool:
            for line in pool.imap_unordered(run_chunk, jobs):
                if line: print(line, flush=True)
