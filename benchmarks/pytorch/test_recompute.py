"""Tests of `tools/recompute.py`; they need NumPy, SciPy and safetensors, and are left out without them."""

import contextlib
import importlib.util
import io
import shutil
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RUN = REPOSITORY / "results/published/fine-grained-quick/fine-grained-reading"

try:
    spec = importlib.util.spec_from_file_location("recompute", REPOSITORY / "tools/recompute.py")
    recompute = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recompute)
except ModuleNotFoundError:
    recompute = None


@unittest.skipIf(recompute is None, "needs NumPy, SciPy and safetensors")
class Published(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.run_folder = Path(folder.name) / "run"
        self.run_folder.mkdir()
        for name in ("items.safetensors", "summary.csv"):
            shutil.copy(RUN / name, self.run_folder)
        self.summary = self.run_folder / "summary.csv"
        self.text = self.summary.read_text(encoding="utf-8")

    def agrees(self, text=None):
        """Whether the numbers agree with a summary of this text, and what was printed."""
        if text is not None:
            self.summary.write_text(text, encoding="utf-8")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            same = recompute.agrees(self.run_folder)
        return same, out.getvalue()

    def test_a_whole_summary_agrees(self):
        self.assertTrue(self.agrees()[0])

    def test_a_row_that_is_not_there_or_is_cut_off_differs(self):
        lines = self.text.splitlines(keepends=True)
        of_cer = max(place for place, line in enumerate(lines) if ",cer," in line)
        row = lines[of_cer]
        for shorter in ("", row[: row.index(",cer,") + 12] + "\n"):
            with self.subTest(shorter=shorter):
                same, told = self.agrees("".join([*lines[:of_cer], shorter, *lines[of_cer + 1 :]]))
                self.assertFalse(same)
                self.assertIn("not in summary.csv, or cut off there  DIFFERS", told)

    def test_what_is_no_number_differs(self):
        header, first, *rest = self.text.splitlines(keepends=True)
        cells = first.split(",")
        cells[header.split(",").index("mean")] = "NaN"
        self.assertFalse(self.agrees("".join([header, ",".join(cells), *rest]))[0])

    def test_a_folder_without_items_is_told_what_is_wanted(self):
        (self.run_folder / "items.safetensors").unlink()
        same, told = self.agrees()
        self.assertFalse(same)
        self.assertIn("not a finished run; of a study, name the folders of its runs", told)


if __name__ == "__main__":
    unittest.main()
