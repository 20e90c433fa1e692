"""Tests of the table of a GPU: `python3 -m unittest discover -s benchmarks`."""

import json
import tempfile
import unittest
from pathlib import Path

import gpu_table
from gpu_table import Measured, page

VET = dict(work="vet softmax 4608->2048", dtype="bf16", mode="forward", tokens=1024, words=65_532)


def vet(impl, ms, **fields):
    return {**VET, "impl": impl, "threads": 16, "ms": ms, "gflops": 600e3, "error": 0.004, **fields}


def product(impl, gflops, dtype="bf16"):
    work = "matmul 8192x8192x8192"
    return dict(work=work, impl=impl, dtype=dtype, threads=16, ms=1.0, gflops=gflops)


def probe(device, ms, threads=1):
    return dict(work="ocr-probe quick", impl=f"burn {device}", threads=threads, ms=ms)


class Table(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "machine.txt").write_text("Card: A1, 1.2, 80 GiB\nDate: 2026-12-01\n")

    def step(self, name, *rows, end="finished"):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        with open(self.folder / f"{name}.jsonl", "a", encoding="utf-8") as file:
            file.write(lines)
        (self.folder / f"{name}.end").write_text(end + "\n", encoding="utf-8")

    def row(self, what, devices=("tch:0",)):
        """The cells of the row that begins so."""
        text = page(Measured(self.folder), devices)
        found = [line for line in text.splitlines() if line.startswith(f"| {what} |")]
        self.assertEqual(len(found), 1, text)
        return dict(zip(gpu_table.HEADER, found[0].strip("| ").split(" | ")))

    def time(self):
        return self.row("VET bf16, forward, 1,024 tokens, tch:0")

    def share(self):
        return self.row("VET bf16, forward, 1,024 tokens, tch:0, share of the largest product")

    def test_nothing_measured_still_has_a_row_for_every_goal_and_device(self):
        text = page(Measured(self.folder), ["tch:0", "cuda"])
        self.assertEqual(text.count("not measured: step vet-tch-0-bf16: it was not begun"), 8)
        self.assertEqual(text.count("not measured: step vet-cuda-bf16: it was not begun"), 8)
        for what in ("tch:0 computes as flex", "cuda computes as flex", "ocr-probe, cuda"):
            self.assertIn(f"| {what} | – | – | – |", text)
        self.assertIn("- Card: A1, 1.2, 80 GiB", text)
        self.assertNotRegex(text, r"\| (met|missed)")

    def test_the_faster_way_is_judged_by_torch_compile_and_a_ratio_of_the_goal_meets_it(self):
        self.step("vet-tch-0-bf16", vet("burn tch:0 tiles", 12.0), vet("burn tch:0 stages", 8.0))
        self.step("torch-compile-bf16", vet("pytorch compile", 10.0))
        self.step("torch-eager-bf16", vet("pytorch eager", 15.0))
        found = self.time()
        self.assertEqual(found["Ours"], "8.00 ms (stages)")
        self.assertEqual(found["Beside"], "torch.compile 10.00 ms, eager 15.00 ms")
        self.assertEqual((found["Ratio"], found["Goal"], found["Met"]), ("0.80", "≤ 0.8", "met"))
        self.step("vet-tch-0-bf16", vet("burn tch:0 stages", 8.1))
        self.assertEqual(self.time()["Met"], "missed")

    def test_a_compiler_that_fails_is_named_and_what_was_measured_is_kept(self):
        self.step("vet-tch-0-bf16", vet("burn tch:0 tiles", 12.0))
        self.step("torch-eager-bf16", vet("pytorch eager", 15.0))
        self.step("torch-compile-bf16", end="status 1: RuntimeError: no C | compiler")
        found = self.time()
        self.assertEqual((found["Beside"], found["Ratio"]), ("eager 15.00 ms", "–"))
        why = "not measured: step torch-compile-bf16: status 1: RuntimeError: no C / compiler"
        self.assertEqual(found["Met"], why)
        failed = self.row("step torch-compile-bf16")
        self.assertEqual(failed["Met"], "failed: status 1: RuntimeError: no C / compiler")

    def test_a_step_that_was_ended_keeps_the_lines_before_its_end_and_no_half_line(self):
        self.step("vet-tch-0-bf16", vet("burn tch:0 tiles", 12.0), end="ended after 120 s")
        with open(self.folder / "vet-tch-0-bf16.jsonl", "a", encoding="utf-8") as file:
            file.write('noise\n[1]\n{"work": "vet softmax 46')
        self.assertEqual(self.time()["Ours"], "12.00 ms (tiles)")
        self.assertEqual(self.row("step vet-tch-0-bf16")["Met"], "failed: ended after 120 s")

    def test_the_share_is_of_the_fastest_product_of_the_same_type(self):
        self.step("vet-tch-0-bf16", vet("burn tch:0 tiles", 9.0), product("burn tch:0", 700e3))
        self.assertEqual((self.share()["Ratio"], self.share()["Met"]), ("86%", "met"))
        self.step("torch-eager-bf16", product("pytorch eager", 900e3))
        self.step("torch-eager-f32", product("pytorch eager", 9000e3, "f32"))
        found = self.share()
        self.assertEqual(found["Beside"], "900.0 TFLOP/s (pytorch eager)")
        self.assertEqual((found["Ours"], found["Ratio"]), ("600.0 TFLOP/s", "67%"))
        self.assertEqual((found["Goal"], found["Met"]), ("≥ 70%", "missed"))

    def test_wrong_tokens_meet_no_goal_however_fast(self):
        self.step("torch-compile-bf16", vet("pytorch compile", 10.0), product("pytorch eager", 600e3))
        for error, shown in ((0.5, "50.0%"), (None, "nan%")):
            self.step("vet-tch-0-bf16", vet("burn tch:0 tiles", 1.0, error=error))
            for found in (self.time(), self.share()):
                self.assertEqual(found["Met"], f"missed: tokens are {shown} from f32")

    def test_f32_is_shown_without_a_goal(self):
        self.step("torch-eager-bf16", vet("pytorch eager", 10.0))
        found = self.row("VET f32, forward, 1,024 tokens, tch:0")
        self.assertEqual((found["Goal"], found["Met"][:12]), ("–", "not measured"))
        for impl, ms in (("burn tch:0 tiles", 9.0), ("pytorch compile", 10.0)):
            self.step(f"{impl.split()[0]}-f32", vet(impl, ms, dtype="f32"))
        found = self.row("VET f32, forward, 1,024 tokens, tch:0")
        self.assertEqual((found["Ratio"], found["Goal"], found["Met"]), ("0.90", "–", "–"))

    def test_backends_agree_or_differ_by_what_the_program_says_or_were_not_compared(self):
        differs = "status 1: error: tch:0: differs from flex in 1 of 24 comparisons"
        crash = "status 1: error: tch:0: crashed: signal 11 (SIGSEGV)"
        why = f"not measured: step parity-tch-0: {crash}"
        for end, met in (("finished", "met"), (differs, f"missed: {differs}"), (crash, why)):
            self.step("parity-tch-0", end=end)
            self.assertEqual(self.row("tch:0 computes as flex")["Met"], met)

    def test_the_study_is_judged_beside_flex_on_16_cores_only(self):
        self.step("probe-tch-0", probe("tch:0", 30_000.0))
        self.assertIn("step probe-flex: it was not begun", self.row("ocr-probe, tch:0")["Met"])
        self.step("probe-flex", probe("flex", 40_000.0, 16))
        found = self.row("ocr-probe, tch:0")
        self.assertEqual((found["Ours"], found["Ratio"], found["Met"]), ("30 s", "0.75", "met"))
        self.step("probe-flex", probe("flex", 40_000.0, 8))
        self.assertEqual(self.row("ocr-probe, tch:0")["Met"], "not measured: 8 cores instead of 16")

    def test_a_study_that_was_ended_later_than_flex_took_missed_its_goal(self):
        self.step("probe-flex", probe("flex", 40_000.0, 16))
        self.step("probe-tch-0", end="ended after 420 s")
        self.assertEqual(self.row("ocr-probe, tch:0")["Met"], "missed: ended after 420 s")
        self.step("probe-tch-0", end="ended after 20 s")
        met = self.row("ocr-probe, tch:0")["Met"]
        self.assertEqual(met, "not measured: step probe-tch-0: ended after 20 s")

    def test_a_rehearsal_meets_and_misses_nothing(self):
        (self.folder / "machine.txt").write_text("Card: none, a rehearsal on the CPU\n")
        self.step("vet-tch-0-bf16", vet("burn tch:0 tiles", 9.0, error=0.9), product("burn tch:0", 7e5))
        self.step("parity-tch-0")
        self.assertEqual(self.share()["Met"], "rehearsed")
        self.assertEqual(self.row("tch:0 computes as flex")["Met"], "rehearsed")

    def test_a_folder_without_a_measurement_is_refused_with_what_makes_one(self):
        with self.assertRaisesRegex(gpu_table.TableError, "measure.sh"):
            Measured(self.folder / "nowhere")


if __name__ == "__main__":
    unittest.main()
