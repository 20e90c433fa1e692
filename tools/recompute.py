"""Computes the headline numbers of published runs again, with NumPy and SciPy and without this program.

    pip install numpy scipy safetensors; python3 tools/recompute.py results/published/RUN ...

From items.safetensors of a run of ocr-probe: the error rate of every arm on every test set, its differences from
PatchMerger and from the MLP of its width, BCa intervals over seeds and fonts, exact sign-flip p, each beside the one of
summary.csv. Of a run of representation-probe: the parts of its claims, beside claims.csv. Exits with 1 where a mean
or a p differs by more than 1e-9, or an end of an interval by more than six times what it scatters by from one bootstrap
to the next (estimated from tenths of ours), and the weight of the heaviest font or image: where few differ, an end jumps
from one count of it to the next. What the published file lacks, or has no number for, differs as well.
"""
import csv, itertools, sys, tomllib, zlib
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file
from scipy.stats import norm

DRAWS, SLACK, MOST_EXACT = 10_000, 6, 20
REPRESENTATION = Path(__file__).parent.parent / "crates/representation/registrations/claims-representation.toml"


def interval(n, d):
    """Ends, and what they scatter by, for sums of errors n[seed, unit] over characters d[unit]."""
    rng, (seeds, units) = np.random.default_rng(1), n.shape
    s = rng.multinomial(seeds, np.full(seeds, 1 / seeds), (10, DRAWS // 10))
    u = (rng.multinomial(units, np.full(units, 1 / units), DRAWS // 10) for _ in s)
    with np.errstate(invalid="ignore"):  # a draw of empty texts only
        tenths = [((s @ n) * u).sum(1) / (seeds * (u @ d)) for s, u in zip(s, u)]
    value = n.sum() / (seeds * d.sum())
    rest = n - value * d
    influence = np.concatenate([rest.sum(1), rest.sum(0)])
    if not rest.any():  # the same errors everywhere: every draw is the value
        return np.full(2, value), np.zeros(2), 0.0
    a = (influence**3).sum() / (6 * max((influence**2).sum(), 1e-300) ** 1.5)

    def ends(draws):
        draws = draws[np.isfinite(draws)]
        share = np.clip(((draws < value).mean() + (draws <= value).mean()) / 2, 0.5 / DRAWS, 1 - 0.5 / DRAWS)
        z = norm.ppf(share) + norm.ppf([0.025, 0.975])
        return np.quantile(draws, norm.cdf(norm.ppf(share) + z / (1 - a * z)))

    scatter = np.std([ends(tenth) for tenth in tenths], axis=0) / 10**0.5
    return ends(np.concatenate(tenths)), scatter, abs(rest.sum(0)).max() / (seeds * d.sum())


def sign_flip(d, side):
    """Exact p, two-sided or of the `side` of 0 that is claimed."""
    signs, size = np.array(list(itertools.product([1, -1], repeat=len(d)))), (lambda x: side * x) if side else abs
    return (size(signs @ d) >= size(d.sum()) - 1e-12 * abs(d).sum()).mean()


def check(what, rates, sums, chars, published, names, side=0):
    """Prints one number beside the published one; whether they agree."""
    (low, high), scatter, heaviest = interval(sums, chars)
    names = [*names[:3], names[3] if len(rates) <= MOST_EXACT else None]  # of more seeds, p is drawn
    ours = (rates.mean(), low, high, sign_flip(rates, side) if names[3] else np.nan)
    theirs = [float(published[name] or "inf") if name else np.nan for name in names]  # a missing number differs
    slack = 1e-9 + heaviest + SLACK * scatter * (DRAWS / int(published["draws"]) + 1) ** 0.5
    pairs = zip(names, ours, theirs, (1e-9, *slack, 1e-9))
    same = [not name or abs(a - b) <= most for name, a, b, most in pairs]  # NaN is no number that agrees
    shown = ["{:+.5f} [{:+.5f}, {:+.5f}] p {:.4f}".format(*numbers) for numbers in (ours, theirs)]
    print(f"{what}: {shown[0]}; published {shown[1]}{'' if all(same) else '  DIFFERS'}")
    return all(same)


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lacks(row):
    """Whether a row is not there, or cut off in the middle."""
    return row is None or None in row.values()


def claims_agree(run):
    """The parts of the claims about representation, beside claims.csv; p of differences, which are one-sided."""
    items, same = load_file(run / "items.safetensors"), []
    rows = {(row["claim"], row["part"]): row for row in table(run / "claims.csv")}
    for claim in tomllib.loads(REPRESENTATION.read_text())["claims"]:
        for number, part in enumerate(claim["parts"], 1):
            [condition], row = part["data"]["conditions"], rows.get((claim["id"], str(number)))
            if lacks(row):
                print(f"{claim['id']}, part {number}: not in claims.csv, or cut off there  DIFFERS")
                same.append(False)
                continue
            what = {"character-error": "edits", "variance-lost": "lost"}[part["metric"]]
            unit = np.unique(items[f"cluster/{condition}"], return_inverse=True)[1]
            unit = unit if unit.max() >= 4 else np.arange(len(unit))
            chars = items.get(f"chars/{condition}") if what == "edits" else np.full(len(unit), 10_000.0)
            place = f"{what}/{condition}/{part['data']['study']}"
            arms = [f"{place}/{part[side]['arm']}/" for side in ("subject", "reference")]
            seeds = [name.removeprefix(arms[0]) for name in sorted(items) if name.startswith(arms[0])]
            pairs = [items[arms[0] + seed].astype(float) - items[arms[1] + seed] for seed in seeds]
            rates = np.array([pair.sum() for pair in pairs]) / chars.sum()
            p = {"difference": "part_p", "equivalence": None}[part["rule"]]
            published = row | {"draws": "10000"}
            side = {"higher": 1, "lower": -1, None: 0}[part.get("direction")]
            sums = np.array([np.bincount(unit, pair) for pair in pairs])
            label, names = f"{claim['id']}, part {number}", ("effect", "low", "high", p)
            same.append(check(label, rates, sums, np.bincount(unit, chars), published, names, side))
    print(f"{run}: {sum(same)} of {len(same)} parts agree")
    return all(same)


def agrees(run):
    if (run / "representation.toml").exists():
        return claims_agree(run)
    if not (run / "items.safetensors").exists():
        print(f"{run}: no items.safetensors: not a finished run; of a study, name the folders of its runs")
        return False
    items = load_file(run / "items.safetensors")
    record = tomllib.loads(zlib.decompress(items["run"].tobytes()).decode())
    seeds = {}
    for cell in (cell["outcome"]["spec"] for cell in record["cells"]):
        seeds.setdefault(cell["arm"], []).append(cell["seed"])
    rows, same = table(run / "summary.csv"), []
    for (group, about), arm in itertools.product(enumerate(record["groups"]), seeds):
        right, density = items.get(f"right/{group}"), about.get("density", about["mean_density"])
        chars = items[f"chars/{group}"] if right is None else np.ones(len(right), int)  # a class is right or wrong
        wanted = (arm, "deterministic", "cer")
        found = [row for row in rows if (row["arm"], row["mode"], row["metric"]) == wanted]
        names = (about["condition"], "'" + about["condition"])  # what a spreadsheet would run has an apostrophe
        found = [row for row in found if row["condition"] in names]
        row = next((row for row in found if abs(float(row["density"]) - density) < 1e-9), None)
        if not chars.any():
            continue
        if lacks(row):
            print(f"{arm}, {about['condition']} at {density:g}: not in summary.csv, or cut off there  DIFFERS")
            same.append(False)
            continue
        clusters, unit = np.unique(items[f"cluster/{group}"], return_inverse=True)
        unit = unit if len(clusters) >= 5 else np.arange(len(chars))
        total = lambda numbers: np.bincount(unit, numbers.astype(float))
        what, wrong = ("edits", lambda of: of) if right is None else ("answers", lambda of: of != right)
        edits = lambda arm: {seed: wrong(items[name]).astype(float) for seed in seeds.get(arm, [])
                             if (name := f"{what}/{arm}/{seed}/{group}/deterministic") in items}
        row, own = row | {"draws": record["config"]["bootstrap_draws"]}, edits(arm)
        for against in ("", "merger", "matched"):
            other = edits(row[f"{against}_arm"]) if against else dict.fromkeys(own, np.zeros(len(chars)))
            pairs = [own[seed] - other[seed] for seed in own if seed in other]
            if pairs and max(unit) > 0:
                names = [f"{against}_{name}" if against else name for name in ("difference", "low_95", "high_95", "p")]
                names = names if against else ["mean", *names[1:3], None]
                rates = np.array([pair.sum() for pair in pairs]) / chars.sum()
                label = f"{arm}{' - ' + row[against + '_arm'] if against else ''}, {about['condition']} at {density:g}"
                same.append(check(label, rates, np.array([total(pair) for pair in pairs]), total(chars), row, names))
    print(f"{run}: {sum(same)} of {len(same)} numbers agree")
    return all(same) and len(same) > 0


if __name__ == "__main__":
    sys.exit(0 if len(sys.argv) > 1 and all([agrees(Path(run)) for run in sys.argv[1:]]) else 1)
