"""One table of what `tools/gpu/measure.sh` has measured so far, with the goals that were set.

    python gpu_table.py FOLDER --devices tch:0,cuda      writes FOLDER/gpu.md

A step NAME leaves NAME.jsonl (lines as in `report.py`; the last of several is taken) and NAME.end ("finished", or
why not). `machine.txt` holds lines `name: value`.
"""

import argparse
import json
import re
import sys
from pathlib import Path

# The goals: our time beside torch.compile's, our share of the largest product, the cores to be faster than.
TIME, SHARE, CORES = 0.8, 0.7, 16
# bf16 rounds to 0.4%; tokens further from f32 than this are wrong, and their time says nothing.
WRONG = 0.05
TOKENS = (1024, 3136)
MODES = ("forward", "forward+backward")
HEADER = ("What", "Ours", "Beside", "Ratio", "Goal", "Met")


class TableError(Exception):
    """What is wrong with the input and what to do about it."""


def step_of(kind, device):
    """The name of a step on a device; a file cannot be called `tch:0` everywhere."""
    return f"{kind}-{device.replace(':', '-')}"


class Measured:
    """Everything that the steps left in a folder."""

    def __init__(self, folder):
        folder = Path(folder)
        if not (folder / "machine.txt").exists():
            raise TableError(f"{folder} holds no measurement; tools/gpu/measure.sh makes one")
        self.machine = (folder / "machine.txt").read_text(encoding="utf-8").splitlines()
        self.ends = {f.stem: f.read_text(errors="replace").strip() for f in folder.glob("*.end")}
        self.rows = {}
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    row = json.loads(line)
                    keys = (row["work"].split()[0], row["impl"], row.get("dtype"))
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue  # libraries print too, and a killed process half a line
                self.rows[(*keys, row.get("mode"), row.get("tokens"))] = row

    def get(self, work, impl, dtype=None, mode=None, tokens=None):
        return self.rows.get((work, impl, dtype, mode, tokens))

    def tokens(self):
        return sorted({key[4] for key in self.rows if key[0] == "vet"}) or TOKENS

    def ceiling(self, dtype):
        """The fastest large product in a number type, ours or PyTorch's."""
        found = [row for key, row in self.rows.items() if key[0] == "matmul" and key[2] == dtype]
        return max(found, key=lambda row: row["gflops"], default=None)

    def why_not(self, step):
        end = self.ends.get(step, "it was not begun")
        return f"not measured: step {step}: {'no such line' if end == 'finished' else end}"


def ms(row):
    return f"{row['ms']:,.2f} ms" if row["ms"] < 1e4 else f"{row['ms'] / 1e3:,.0f} s"


def tera(row):
    return f"{row['gflops'] / 1e3:,.1f} TFLOP/s"


def line(what, ours="–", beside="–", ratio="–", goal="–", met="–"):
    return dict(zip(HEADER, (what, ours, beside, ratio, goal, met)))


def verdict(fine):
    return "met" if fine else "missed"


def parity(measured, device):
    step = step_of("parity", device)
    end = measured.ends.get(step, "")
    # `experiments backends` fails where a backend differs, with these words.
    differs = "differs from flex" in end
    met = "met" if end == "finished" else f"missed: {end}" if differs else measured.why_not(step)
    return line(f"{device} computes as flex", goal="agrees", met=met)


def vet(measured, device, dtype, mode, tokens):
    """Time beside torch.compile's, and the share of the largest product."""

    def find(impl):
        return measured.get("vet", impl, dtype, mode, tokens)

    what = f"VET {dtype}, {mode}, {tokens:,} tokens, {device}"
    # The goals were set for bf16.
    goals = (f"≤ {TIME}", f"≥ {SHARE:.0%}") if dtype == "bf16" else ("–", "–")
    time = line(what, goal=goals[0])
    share = line(f"{what}, share of the largest product", goal=goals[1])
    # The faster of what the program runs and of whole matrices is judged, by name.
    ways = filter(None, (find(f"burn {device} {way}") for way in ("tiles", "stages")))
    ours = min(ways, key=lambda row: row["ms"], default=None)
    theirs, eager, ceiling = find("pytorch compile"), find("pytorch eager"), measured.ceiling(dtype)
    beside = {"torch.compile": theirs, "eager": eager}
    time["Beside"] = ", ".join(f"{name} {ms(row)}" for name, row in beside.items() if row) or "–"
    if not ours:
        time["Met"] = share["Met"] = measured.why_not(f"{step_of('vet', device)}-{dtype}")
        return [time, share]
    time["Ours"], share["Ours"] = f"{ms(ours)} ({ours['impl'].split()[-1]})", tera(ours)
    time["Met"] = measured.why_not(f"torch-compile-{dtype}")
    share["Met"] = "not measured: no large product was"
    error = ours["error"] if ours.get("error") is not None else float("nan")
    wrong = "" if error <= WRONG else f"missed: tokens are {error:.1%} from f32"
    if theirs:
        ratio = ours["ms"] / theirs["ms"]
        time |= {"Ratio": f"{ratio:.2f}", "Met": wrong or verdict(ratio <= TIME)}
    if ceiling:
        part = ours["gflops"] / ceiling["gflops"]
        share |= {"Ratio": f"{part:.0%}", "Met": wrong or verdict(part >= SHARE)}
        share["Beside"] = f"{tera(ceiling)} ({ceiling['impl']})"
    for row in (time, share):
        if row["Goal"] == "–" and row["Met"] in ("met", "missed"):
            row["Met"] = "–"
    return [time, share]


def probe(measured, device):
    ours = measured.get("ocr-probe", f"burn {device}")
    flex = measured.get("ocr-probe", "burn flex")
    step = step_of("probe", device)
    row = line(f"ocr-probe, {device}", ms(ours) if ours else "–", goal=f"< flex on {CORES} cores")
    if flex:
        row["Beside"] = f"flex, {flex['threads']} cores: {ms(flex)}"
    stopped = re.match(r"ended after (\d+) s", measured.ends.get(step, ""))
    if not flex:
        row["Met"] = measured.why_not("probe-flex")
    elif flex["threads"] != CORES:
        row["Met"] = f"not measured: {flex['threads']} cores instead of {CORES}"
    elif ours:
        row["Met"] = verdict(ours["ms"] < flex["ms"])
    elif stopped and int(stopped[1]) * 1e3 >= flex["ms"]:
        row["Met"] = f"missed: {stopped[0]}"
    else:
        row["Met"] = measured.why_not(step)
    if ours and flex:
        row["Ratio"] = f"{ours['ms'] / flex['ms']:.2f}"
    return row


def page(measured, devices):
    rows = [parity(measured, device) for device in devices]
    for dtype in ("bf16", "f32"):
        for mode in MODES:
            for tokens in measured.tokens():
                for device in devices:
                    rows += vet(measured, device, dtype, mode, tokens)
    rows += [probe(measured, device) for device in devices]
    if any("a rehearsal" in entry for entry in measured.machine):
        for row in rows:
            row["Met"] = "rehearsed" if row["Met"].split(":")[0] in ("met", "missed") else row["Met"]
    failed = [(step, end) for step, end in sorted(measured.ends.items()) if end != "finished"]
    rows += [line(f"step {step}", met=f"failed: {end}") for step, end in failed]
    cells = [HEADER, ["---"] * len(HEADER)] + [[row[name] for name in HEADER] for row in rows]
    table = ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in cells]
    note = (
        "Medians of calls, the device synchronised after each. Of ours, the faster of two ways: `tiles`, what the "
        "program runs, and `stages`; there is no fused kernel for GPUs. Goals are for bf16. The share counts "
        "products that the method needs. PyTorch multiplies f32 without TF32; torch.compile has its default mode."
    )
    about = [f"- {entry}" for entry in measured.machine]
    return "\n".join(["# A GPU, measured", "", *about, "", *table, "", note]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--devices", required=True, help="ours, separated by commas: tch:0,cuda")
    args = parser.parse_args()
    try:
        text = page(Measured(args.folder), args.devices.split(","))
        (args.folder / "gpu.md").write_text(text, encoding="utf-8")
    except (TableError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
