"""Tests of the replicate: `python -m unittest discover -s benchmarks/pytorch`; it needs NumPy.

Those of the projectors need PyTorch too and are left out without it.
"""

import math
import shutil
import tempfile
import unittest
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np

from probe.choice import best_rate, beyond
from replication import against
from replication.cells import Cell, Store, cell_name, read_rows, tower, whole, write_rows
from replication.intervals import rate_with_interval
from replication.page import page
from replication.tables import Results

try:
    import torch
except ModuleNotFoundError:
    torch = None

Tried = namedtuple("Tried", "learning_rate validation_cer failure", defaults=("",))
CELL = Cell("identity", 2.0, 94, 101, 0.004, 30, "", 0.1, 0.2, math.nan, 1.0, "0:1.0", 1.5)
ABOUT = dict(
    tower="tower.safetensors", faces=36, first_seed=101, steps=30, batch=64, train_images=256,
    validation_images=64, test_images=40,
)


def results(edits, failure=""):
    """A run of arms with edits `{arm: [seed, image]}`; of `vet-softmax@64` one cell failed."""
    made = Results.__new__(Results)
    made.cells, made.about = [], ABOUT
    made.items = {"faces/2": np.array([f"face {i % 8}" for i in range(40)])}
    for arm, rows in edits.items():
        for seed, row in enumerate(rows, start=101):
            failed = failure if (arm, seed) == ("vet-softmax@64", 102) else ""
            made.cells.append(replace(CELL, arm=arm, seed=seed, failure=failed))
            if not failed:
                made.items[f"edits/{arm}/2/{seed}/0.004"] = np.array(row, np.uint8)
    return made


def summary(folder, arms, differences={}):
    """A file of numbers as the study writes it: arms with their error rates, differences to PatchMerger."""
    names = "arm,density,condition,mode,metric,mean,low_95,high_95,seeds"
    names += ",merger_arm,merger_difference,merger_low_95,merger_high_95"
    names += ",matched_arm,matched_difference,matched_low_95,matched_high_95"
    rows = []
    for arm, x in arms:
        to_merger = ["", "", "", ""]
        if arm in differences:
            d = differences[arm]
            to_merger = ["patch-merger", d, d - 0.01, d + 0.01]
        row = [arm, 2, "random", "deterministic", "cer", x, x - 0.01, x + 0.01, 3, *to_merger]
        rows.append(",".join(map(str, row)) + ",,,,")
    path = Path(folder) / "summary.csv"
    path.write_text("\n".join([names, *rows]) + "\n", encoding="utf-8")
    return path


class Choice(unittest.TestCase):
    def test_the_lowest_error_wins_and_of_equal_ones_the_inner_rate(self):
        cells = [Tried(0.004, 0.1), Tried(0.008, 0.1), Tried(0.016, 0.1)]
        self.assertEqual(best_rate(cells).learning_rate, 0.008)
        self.assertEqual(best_rate([*cells, Tried(0.032, 0.09)]).learning_rate, 0.032)

    def test_a_failed_cell_comes_last(self):
        cells = [Tried(0.004, math.nan, "the loss is nan"), Tried(0.008, 0.9)]
        self.assertEqual(best_rate(cells).learning_rate, 0.008)

    def test_a_rate_is_added_beyond_the_edge_only(self):
        self.assertAlmostEqual(beyond([Tried(0.004, 0.1), Tried(0.008, 0.2)]), 0.002)
        self.assertAlmostEqual(beyond([Tried(0.004, 0.2), Tried(0.008, 0.1)]), 0.016)
        inside = [Tried(0.004, 0.2), Tried(0.008, 0.1), Tried(0.016, 0.2)]
        self.assertIsNone(beyond(inside))
        self.assertIsNone(beyond([Tried(0.004, math.nan, "x"), Tried(0.008, math.nan, "x")]))


class Intervals(unittest.TestCase):
    faces = np.array([f"face {i % 8}" for i in range(400)])

    def test_equal_errors_everywhere_have_an_interval_of_no_width(self):
        rate, low, high = rate_with_interval([np.ones(400)] * 3, self.faces, 4)
        for value in (rate, low, high):
            self.assertAlmostEqual(value, 0.25)

    def test_the_interval_is_that_of_the_normal_where_one_seed_has_many_fonts(self):
        rng = np.random.default_rng(5)
        faces, edits = np.arange(400), rng.binomial(10, 0.3, 400)
        rate, low, high = rate_with_interval([edits], faces, 10)
        width = 1.96 * edits.std() / 10 / 400**0.5
        self.assertAlmostEqual(rate, edits.mean() / 10)
        self.assertAlmostEqual(low, rate - width, delta=0.1 * width)
        self.assertAlmostEqual(high, rate + width, delta=0.1 * width)

    def test_fonts_that_differ_widen_it_as_images_by_themselves_do_not(self):
        by_font = np.array([int(face[-1]) for face in self.faces])
        _, low, high = rate_with_interval([by_font] * 3, self.faces, 10)
        _, low_images, high_images = rate_with_interval([by_font] * 3, np.arange(400), 10)
        self.assertGreater(high - low, 3 * (high_images - low_images))


class Tables(unittest.TestCase):
    low, high = [[0] * 40, [1, 0] * 20], [[3] * 40, [2] * 40]

    def test_differences_are_paired_by_seed(self):
        line = results({"patch-merger": self.low, "identity": self.high}).line("identity", 2.0)
        self.assertAlmostEqual(line.merger_difference, (5 - 0.5) / 2 / 16)
        self.assertEqual((line.seeds, line.failed_cells), (2, 0))

    def test_a_failed_cell_counts_nowhere_and_is_named(self):
        run = results({"patch-merger": self.low, "vet-softmax@64": self.high}, "the loss is nan")
        lines = run.lines()
        self.assertEqual((lines[1].seeds, lines[1].failed_cells), (1, 1))
        self.assertAlmostEqual(lines[1].cer, 3 / 16)
        text = page(run, lines, [])
        self.assertIn(
            "**Failed:** `vet-softmax@64` at 2 per token, seed 102, rate 0.004: the loss is nan; it counts",
            text,
        )
        self.assertIn("Not compared", text)

    def test_rows_come_back_as_they_were_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cells.csv"
            write_rows(path, [replace(CELL, failure="a, b")])
            (cell,) = read_rows(path, Cell)
            self.assertEqual(cell.failure, "a, b")
            self.assertTrue(math.isnan(cell.words_used))
            self.assertEqual(repr(cell), repr(replace(CELL, failure="a, b")))

    def test_a_file_that_is_not_finished_does_not_take_its_place(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cell.csv"
            with self.assertRaises(KeyboardInterrupt), whole(path, "w") as file:
                file.write("half")
                raise KeyboardInterrupt
            self.assertFalse(path.exists())


class Against(unittest.TestCase):
    edits = {"identity": [[1] * 40] * 2, "patch-merger": [[2] * 40] * 2}

    def compared(self, arms, differences={}, config=None, tuning=None):
        with tempfile.TemporaryDirectory() as folder:
            path = summary(folder, arms, differences)
            for file, text in (("config.toml", config), ("tuning.csv", tuning)):
                if text:
                    (Path(folder) / file).write_text(text, encoding="utf-8")
            run = results(self.edits)
            return page(run, run.lines(), [against.read(path)])

    def test_overlap_of_intervals_is_stated(self):
        text = self.compared([("identity", 1 / 16), ("patch-merger", 2 / 16)])
        self.assertIn("Order here, best first: identity < PatchMerger; in Rust: identity < PatchMerger.", text)
        self.assertIn("Intervals of CER overlap for 2 of 2 arms.", text)
        text = self.compared([("identity", 0.5), ("patch-merger", 2 / 16)])
        self.assertIn("in Rust: PatchMerger < identity.", text)
        self.assertIn("overlap for 1 of 2 arms (not those of `identity`)", text)

    def test_only_pairs_that_rust_tells_apart_have_an_order(self):
        arms = [("identity", 1 / 16), ("patch-merger", 2 / 16)]
        text = self.compared(arms, {"identity": -0.06})
        self.assertIn("without 0) 1 differ in the same direction here, 1 of them with an interval without 0.", text)
        self.assertIn("differences to PatchMerger overlap for 1 of 1 arm.", text)
        text = self.compared(arms, {"identity": 0.06})
        self.assertIn("0 differ in the same direction here, 0 of them", text)
        self.assertIn("(not so: identity minus PatchMerger −6.25 [−6.25, −6.25])", text)
        text = self.compared(arms, {"identity": 0.005})
        self.assertIn("does not tell apart, 0 are not told apart here either (not so: identity", text)

    def test_the_rates_of_the_study_stand_beside_ours(self):
        config = 'backbone = "t"\ndata = {charset = "94", images = {train = 9, validation = 8, test = 7}}\n'
        text = self.compared(
            [("identity", 0.5)],
            config=config + "training = {steps = 5}\n",
            tuning="arm,learning_rate,chosen\nidentity,0.008,false\nidentity,0.002,true\n",
        )
        self.assertIn("94 symbols, 5 steps on 9 images, 8 for validation, 7 test images", text)
        (row,) = [line for line in text.splitlines() if line.startswith("| identity (")]
        self.assertTrue(row.endswith("| 3 | 0.002 |"), row)

    def test_another_alphabet_is_not_compared(self):
        config = 'backbone = "t"\ndata = {charset = "36", images = {train = 9, validation = 8, test = 7}}\n'
        text = self.compared([("identity", 0.5)], config=config + "training = {steps = 5}\n")
        self.assertIn("36 symbols, 5 steps on 9 images", text)
        self.assertIn("No number of this density and alphabet in the files for `identity`", text)

    def test_an_arm_that_broke_down_in_the_study_has_no_number_there(self):
        run = results(self.edits)
        with tempfile.TemporaryDirectory() as folder:
            path = summary(folder, [("identity", 0.1), ("patch-merger", 0.1)])
            rows = path.read_text(encoding="utf-8").splitlines()
            empty = ["patch-merger", "2", "random", "deterministic", "cer", "", "", "", "0", *[""] * 8]
            path.write_text("\n".join([*rows[:2], ",".join(empty)]) + "\n", encoding="utf-8")
            text = page(run, run.lines(), [against.read(path)])
        self.assertIn("in the files for `patch-merger`.", text)
        self.assertIn("CER overlap for", text)

    def test_tables_of_another_size_are_not_compared(self):
        run = results(self.edits | {"vet-softmax@64": [[1] * 40] * 2})
        with tempfile.TemporaryDirectory() as folder:
            path = summary(folder, [("identity", 0.1), ("vet-softmax@68", 0.1)])
            text = page(run, run.lines(), [against.read(path)])
        self.assertIn("in the files for `patch-merger`, `vet-softmax@64`", text)

    def test_a_tower_may_belong_to_a_seed(self):
        self.assertEqual(tower("towers/seed-{seed}.st", 7), Path("towers/seed-7.st"))
        self.assertEqual(tower("towers/one.st", 7), Path("towers/one.st"))

    def test_the_page_says_how_it_is_made_again(self):
        self.assertRegex(self.compared([("identity", 0.5)]), r"--tables --against \S+/summary.csv`")


class Finished(unittest.TestCase):
    def test_only_finished_densities_are_collected(self):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(folder)
            store.folder.mkdir()
            for density in (1.0, 2.0):
                cell = replace(CELL, density=density, failure="the loss is nan")
                write_rows(store.folder / f"identity_{density:g}.csv", [cell])
            store.mark(1.0).touch()
            store.collect()
            densities = lambda name: [cell.density for cell in read_rows(Path(folder) / name, Cell)]
            self.assertEqual((densities("cells.csv"), densities("unfinished.csv")), ([1.0], [2.0]))
            store.mark(2.0).touch()
            store.collect()
            self.assertEqual(densities("cells.csv"), [1.0, 2.0])
            self.assertFalse((Path(folder) / "unfinished.csv").exists())

    def test_a_clone_goes_on_from_what_was_collected(self):
        for finished in (True, False):
            with self.subTest(finished=finished):
                self.goes_on(finished)

    def goes_on(self, finished):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(folder)
            store.folder.mkdir()
            path = store.folder / cell_name(CELL.arm, CELL.density, CELL.seed, CELL.learning_rate)
            write_rows(path, [CELL])
            np.savez(path.with_suffix(".npz"), edits=np.arange(4, dtype=np.uint8), faces=["a"] * 4)
            if finished:
                store.mark(CELL.density).touch()
            store.collect()
            collected = (Path(folder) / "items.npz").read_bytes()
            shutil.rmtree(store.folder)
            store.folder.mkdir()
            store.unpack()
            self.assertEqual(repr(read_rows(path, Cell)), repr([CELL]))
            self.assertEqual(store.mark(CELL.density).exists(), finished)
            store.collect()
            self.assertEqual((Path(folder) / "items.npz").read_bytes(), collected)


@unittest.skipIf(torch is None, "needs PyTorch")
class Images(unittest.TestCase):
    def test_seeds_have_training_images_of_their_own_and_share_the_test(self):
        from probe.data import plans
        from probe.settings import SMOKE

        of = lambda seed: {split: group[0] for split, group in plans(SMOKE, seed).items()}
        one, other = of(101), of(102)
        self.assertNotEqual(one["train"], other["train"])
        self.assertNotEqual(one["validation"], other["validation"])
        self.assertEqual(one["test"], other["test"])

    def test_images_of_another_seed_have_other_texts(self):
        from probe.images import Plan, Renderer

        renderer = Renderer.__new__(Renderer)
        drawn = []
        renderer.seed, renderer.charset = 1, "ab"
        renderer.seen = renderer.held_out = [["face"]]
        renderer.line = lambda plan, columns, rng: drawn.append(rng.integers(2**62)) or "a" * columns
        for seed in (None, 101, 102, 102):
            with self.assertRaises(AttributeError):
                renderer.render(Plan("train", "random", 1.0, 4, seed), 0, 1)
        first = drawn[:: len(drawn) // 4]
        self.assertEqual(len(set(first)), 3)
        self.assertEqual(first[2], first[3])


@unittest.skipIf(torch is None, "needs PyTorch")
class Projectors(unittest.TestCase):
    def setUp(self):
        from probe import projectors
        from probe.settings import Arm

        torch.manual_seed(3)
        self.projectors = projectors
        self.build = lambda name: projectors.build(Arm.parse(name), 8)
        self.features = torch.randn(5, 32, 8)

    def test_hard_tokens_are_rows_with_the_gradient_of_the_softmax_mixture(self):
        vet = self.build("vet-st-argmax@20+usage")
        ours = vet(self.features, want_words=True)
        (ours.embeddings * torch.arange(128)).sum().backward()
        got = {name: p.grad.clone() for name, p in vet.named_parameters()}
        vet.zero_grad()
        rows = vet.table[: vet.words]
        mean = vet.norm(vet.head(self.projectors.merged(self.features))).softmax(-1)
        mixture = mean @ rows.detach()
        wanted = rows[mean.argmax(-1)] + mixture - mixture.detach()
        torch.testing.assert_close(ours.embeddings, wanted)
        (wanted * torch.arange(128)).sum().backward()
        for name, p in vet.named_parameters():
            torch.testing.assert_close(got[name], p.grad, rtol=1e-4, atol=1e-3, msg=name)

    def test_the_usage_penalty_is_the_negative_entropy_of_the_mean(self):
        even = torch.eye(4).view(1, 4, 4)
        self.assertAlmostEqual(self.projectors.usage_penalty(even).item(), -math.log(4), places=5)
        one = torch.tensor([[[1.0, 0, 0, 0]] * 4])
        self.assertAlmostEqual(self.projectors.usage_penalty(one).item(), 0, places=5)

    def test_fresh_tables_give_tokens_of_the_size_of_a_fresh_merger(self):
        for name in ("vet-softmax@1028", "vet-st-argmax@1028"):
            tokens = self.build(name)(self.features).embeddings
            self.assertAlmostEqual(tokens.square().mean().sqrt().item(), 0.2, delta=0.02)

    def test_the_mlp_has_the_parameters_of_the_path_through_the_table(self):
        count = lambda name: sum(p.numel() for p in self.build(name).parameters())
        self.assertEqual(count("gelu-mlp@20") + 4 * 128, count("vet-softmax@20"))


if __name__ == "__main__":
    unittest.main()
