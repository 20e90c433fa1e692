"""Tests of the report writer: `python3 -m unittest discover -s benchmarks`."""

import json
import tempfile
import unittest
from pathlib import Path

import report


def row(impl, ms, **fields):
    base = dict(section="vit", work="vit step", impl=impl, threads=2, round=1, ms=ms)
    full = {name: None for name in report.COLUMNS}
    return {**full, **base, **fields}


def pair(ours, theirs, **fields):
    return [row("burn-flex", ours, **fields), row("pytorch", theirs, **fields)]


class Tables(unittest.TestCase):
    def only_row(self, rows, section="vit"):
        found = report.section_rows(section, report.measurements(rows))
        self.assertEqual(len(found), 1)
        return found[0]

    def test_the_ratio_is_that_of_the_medians_over_rounds(self):
        rows = pair(10.0, 30.0) + pair(20.0, 30.0, round=2)
        self.assertEqual(self.only_row(rows)["Ratio"], "0.50")

    def test_a_ratio_of_exactly_the_goal_meets_it_and_above_does_not(self):
        self.assertEqual(self.only_row(pair(30.0, 30.0))["Met"], "yes")
        self.assertEqual(self.only_row(pair(30.1, 30.0))["Met"], "no")

    def test_a_side_that_is_missing_leaves_dashes_and_no_verdict(self):
        for rows in (pair(10.0, 30.0)[:1], pair(10.0, 30.0)[1:]):
            found = self.only_row(rows)
            self.assertEqual((found["Ratio"], found["Met"]), ("–", "–"))

    def test_threads_are_compared_with_the_same_number_of_threads(self):
        rows = pair(10.0, 20.0) + pair(30.0, 40.0, threads=1)
        found = report.section_rows("vit", report.measurements(rows))
        self.assertEqual([r["Ratio"] for r in found], ["0.50", "0.75"])

    def test_matrix_products_have_no_goal_and_elementwise_operations_have_one(self):
        product = pair(1.0, 2.0, section="matmul", work="matmul 1x2x3", gflops=5.0)
        self.assertEqual(self.only_row(product, "matmul")["Goal"], "–")
        gelu = pair(1.0, 2.0, section="matmul", work="gelu 1x2")
        self.assertEqual(self.only_row(gelu, "matmul")["Goal"], "≤ 1.0")

    def test_the_table_is_judged_by_time_memory_and_ceiling_at_its_released_size(self):
        ceiling = pair(1.0, 1.0, section="matmul", work=report.CEILING, gflops=300.0)
        vet = dict(section="vet", work="vet softmax 4608->2048", mode="forward", tokens=256)
        large = [
            row("burn-flex", 60.0, words=65_532, gflops=240.0, peak_mib=10.0, **vet),
            row("pytorch", 100.0, words=65_532, gflops=150.0, peak_mib=200.0, **vet),
        ]
        found = self.only_row(ceiling + large, "vet")
        self.assertEqual(found["Of ceiling"], "80%")
        self.assertEqual(found["Memory ratio"], "0.050")
        self.assertEqual([found["Met"], found["≥ 75%"], found["≤ 0.1"]], ["yes"] * 3)
        vet["work"] = "vet softmax 512->128"
        small = self.only_row(pair(60.0, 100.0, words=252, **vet), "vet")
        self.assertEqual((small["Goal"], small["Met"]), ("–", "–"))

    def test_towers_are_judged_by_time_and_their_peak_memory_is_stated(self):
        tower = dict(section="towers", work="ovis2.5 tower", mode="forward")
        rows = pair(90.0, 100.0, tokens=1024, gflops=200.0, **tower)
        rows += [
            row("burn-flex", None, tokens=3136, peak_mib=500.0, **tower),
            row("pytorch", None, tokens=3136, peak_mib=1000.0, **tower),
        ]
        timed, large = report.section_rows("towers", report.measurements(rows))
        self.assertEqual((timed["Goal"], timed["Met"], timed["Peak MiB"]), ("≤ 1.0", "yes", "–"))
        self.assertEqual((large["Ours"], large["Met"], large["Memory ratio"]), ("–", "–", "0.500"))

    def test_another_implementation_of_ours_gets_a_row_of_its_own(self):
        rows = pair(10.0, 20.0) + [row("burn-flex plain", 40.0)]
        found = report.section_rows("vit", report.measurements(rows))
        self.assertEqual([r["Ratio"] for r in found], ["0.50", "2.00"])
        self.assertIn("burn-flex plain", found[1]["Work"])

    def test_scaling_compares_jobs_with_one_job(self):
        rows = pair(50_000.0, 90_000.0, section="study", work="ocr-probe quick")
        rows += pair(90_000.0, 99_000.0, section="study", work="ocr-probe quick", threads=1)
        sentences = list(report.scaling(report.measurements(rows)))
        self.assertIn("burn-flex: 2 jobs are 1.80 times as fast as one.", sentences[0])

    def test_sections_that_were_not_measured_say_so(self):
        page = report.results_page(report.measurements(pair(1.0, 2.0)), [("Cores", "2")])
        titles = [title for section, title in report.SECTIONS.items() if section != "vit"]
        self.assertIn(f"Not measured in this run: {'; '.join(titles)}.", page)
        self.assertEqual(page.count("\n## "), 1)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_rows_survive_a_round_trip_through_csv(self):
        rows = pair(10.5, 30.0, gflops=1.5, tokens=256, mode="forward")
        path = self.folder / "results.csv"
        report.write_csv(path, rows)
        self.assertEqual(report.read_csv(path), rows)

    def test_lines_that_are_not_json_are_named(self):
        path = self.folder / "lines"
        path.write_text(json.dumps(row("pytorch", 1.0)) + "\nnot json\n", encoding="utf-8")
        with self.assertRaisesRegex(report.ReportError, "line 2"):
            report.read_lines(path)

    def test_lines_without_a_time_are_named(self):
        path = self.folder / "lines"
        path.write_text('{"section": "vit", "work": "w", "impl": "pytorch"}', encoding="utf-8")
        with self.assertRaisesRegex(report.ReportError, "threads, ms"):
            report.read_lines(path)


class SpeedTable(unittest.TestCase):
    def test_the_table_replaces_what_stood_between_the_markers(self):
        text = "before\n<!-- speed -->\nstale\n<!-- /speed -->\nafter\n"
        filled = report.fill_page(text, report.measurements(pair(10.0, 20.0)))
        self.assertNotIn("stale", filled)
        self.assertIn("| ViT training step | 10 ms | 20 ms | 0.50 | ≤ 1.0 |", filled)
        self.assertTrue(filled.startswith("before\n") and filled.endswith("after\n"))
        self.assertEqual(filled, report.fill_page(filled, report.measurements(pair(10.0, 20.0))))

    def test_towers_have_a_row_for_time_and_one_for_the_memory_of_a_large_image(self):
        tower = dict(section="towers", work="qwen2.5-vl tower", mode="forward")
        rows = pair(10.0, 20.0, tokens=256, **tower) + pair(80.0, 100.0, tokens=1024, **tower)
        rows += [
            row("burn-flex", None, tokens=3136, peak_mib=500.0, **tower),
            row("pytorch", None, tokens=3136, peak_mib=1000.0, **tower),
        ]
        filled = report.fill_page("<!-- speed -->\n<!-- /speed -->", report.measurements(rows))
        time = "| Qwen2.5-VL tower, 4 blocks, 4,096 patches | 80 ms | 100 ms | 0.80 | ≤ 1.0 |"
        memory = "| its peak memory, 12,544 patches | 500 MiB | 1,000 MiB | 0.50 | – |"
        self.assertIn(f"{time}\n{memory}", filled)

    def test_missing_markers_are_an_error_that_says_what_to_add(self):
        with self.assertRaisesRegex(report.ReportError, "<!-- speed -->"):
            report.fill_page("nothing here", report.measurements(pair(1.0, 2.0)))

    def test_nothing_measured_on_both_sides_is_an_error(self):
        text = "<!-- speed -->\n<!-- /speed -->"
        with self.assertRaisesRegex(report.ReportError, "run.sh"):
            report.fill_page(text, report.measurements(pair(1.0, 2.0)[:1]))


if __name__ == "__main__":
    unittest.main()
