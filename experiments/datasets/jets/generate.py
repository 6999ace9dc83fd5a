"""Labelled anti-kT R=0.8 jets with their constituents at particle level, from Pythia 8. python generate.py CLASS NJETS SEED OUT.npz

CLASS is g, q, w, z or t. Adapted from the script that made jets_30000.parquet (see SOURCES.md): the same events, jets and matching; what is new is
that the result is an .npz file with flat arrays and offsets. Needs pythia8mc, fastjet and awkward, which are no dependencies of lumin_nb.
"""

import sys
import time

import awkward as ak
import fastjet
import numpy as np
import pythia8mc

SETTINGS = {
    "g": ["HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on"],
    "q": ["HardQCD:qq2qq = on", "HardQCD:gg2qqbar = on", "HardQCD:qqbar2qqbarNew = on"],
    "w": ["WeakDoubleBoson:ffbar2WW = on", "24:onMode = off", "24:onIfAny = 1 2 3 4 5"],
    "z": ["WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2", "23:onMode = off", "23:onIfAny = 1 2 3 4 5"],
    "t": ["Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off", "24:onIfAny = 1 2 3 4 5"],
}
PARENTS = {"g": (21,), "q": (1, 2, 3, 4, 5), "w": (24,), "z": (23,), "t": (6,)}
COMMON = ["Print:quiet = on", "Beams:eCM = 13000.", "Random:setSeed = on", "PhaseSpace:pTHatMin = 480.", "PhaseSpace:pTHatMax = 750."]
JETS, MAX_CONST = ("event", "jet_pt", "jet_eta", "jet_phi", "jet_mass", "n_const", "merged"), 64
PARTS = ("pt", "deta", "dphi", "e", "pdgid", "charge")


def delta_phi(a, b):
    "Difference of azimuths, from -pi to pi"
    return (a - b + np.pi) % (2*np.pi) - np.pi


def generator(cls: str, seed: int):
    "Pythia, ready to run"
    pythia = pythia8mc.Pythia("", False)
    for line in [*COMMON, f"Random:seed = {seed}", *SETTINGS[cls]]:
        pythia.readString(line)
    if not pythia.init():
        raise RuntimeError("Pythia did not start")
    return pythia


def particles(event) -> np.ndarray:
    "Visible final particles with |eta| < 4.9: px, py, pz, E, PDG code, charge, shape (6, n)"
    final = [event[i] for i in range(event.size()) if event[i].isFinal()]
    rows = [(p.px(), p.py(), p.pz(), p.e(), p.id(), round(p.charge())) for p in final if p.isVisible() and abs(p.eta()) < 4.9]
    return np.array(rows, float).reshape(-1, 6).T


def decay_products(event, particle) -> list:
    "Quarks that a W, a Z or a top ends in"
    out = []
    for daughter in (event[j] for j in particle.daughterList()):
        if abs(daughter.id()) == 24:
            out += [event[j] for j in event[daughter.iBotCopyId()].daughterList()]
        elif abs(daughter.id()) < 6:
            out.append(daughter)
    return out


def parents(event, cls: str) -> list[tuple]:
    "eta and phi of what the jets are named after, and its decay products if it has any"
    out = []
    for i in range(event.size()):
        p = event[i]
        if p.isFinal() or abs(p.id()) not in PARENTS[cls]:
            continue
        if cls in "gq" and abs(p.status()) == 23:
            out.append((p.eta(), p.phi(), []))
        elif cls not in "gq" and abs(p.status()) == 22:
            last = event[p.iBotCopyId()]
            out.append((last.eta(), last.phi(), [(q.eta(), q.phi()) for q in decay_products(event, last)]))
    return out


def find_jets(event, cls: str, number: int) -> list[tuple]:
    "Matched jets of an event: a row for each, and its particles by falling momentum"
    p, rows = particles(event), []
    vectors = ak.zip(dict(zip(("px", "py", "pz", "E"), p[:4], strict=True)), with_name="Momentum4D")
    cluster = fastjet.ClusterSequence(vectors, fastjet.JetDefinition(fastjet.antikt_algorithm, 0.8))
    known = parents(event, cls)
    for idx in cluster.constituent_index(min_pt=450.0):
        c = p[:, np.asarray(idx)]
        total = c[:4].sum(1)
        pt = np.hypot(*total[:2])
        eta, phi = np.arcsinh(total[2]/pt), np.arctan2(total[1], total[0])
        if not 500 <= pt < 700 or abs(eta) > 2:
            continue
        near = [products for e, f, products in known if np.hypot(e - eta, delta_phi(f, phi)) < 0.4]
        if not near:
            continue
        merged = all(np.hypot(e - eta, delta_phi(f, phi)) < 0.8 for e, f in near[0])
        mass = np.sqrt(max(total[3]**2 - (total[:3]**2).sum(), 0))
        c_pt = np.hypot(c[0], c[1])
        deta, dphi = np.arcsinh(c[2]/c_pt) - eta, delta_phi(np.arctan2(c[1], c[0]), phi)
        order = np.argsort(-c_pt)[:MAX_CONST]
        rows.append(((number, pt, eta, phi, mass, len(c_pt), merged), np.stack([c_pt, deta, dphi, *c[3:]])[:, order]))
    return rows


def main(cls: str, n_jets: int, seed: int, path: str) -> None:
    "Generate until there are enough jets, and write them"
    pythia, rows, number, start = generator(cls, seed), [], 0, time.time()
    while len(rows) < n_jets:
        if pythia.next():
            number += 1
            rows += find_jets(pythia.event, cls, number)
    jets, parts = zip(*rows[:n_jets], strict=True)
    data = dict(zip(JETS, map(np.array, zip(*jets, strict=True)), strict=True))
    data |= {f"const_{f}": x for f, x in zip(PARTS, np.concatenate(parts, 1), strict=True)}
    np.savez_compressed(path, offsets=np.cumsum([0, *(p.shape[1] for p in parts)]), **data)
    print(f"{cls}: {number} events, {n_jets} jets, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
