"""The fonts and the English words of the study, copied out of the crates that carry them.

`python assets.py FOLDER` asks cargo where the sources of its dependencies are; nothing is
downloaded that the build of the study does not need too.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]

# Package, pattern of font files, and what is left out. As in `crates/text-images/src/fonts.rs`.
FONTS = (
    ("dejavu", "**/DejaVuS*.ttf", r"Mono|ExtraLight"),
    ("typst-assets", "**/*.[ot]tf", r"Math"),
    ("notosans", "**/NotoSans-*.ttf", None),
    ("epaint_default_fonts", "**/*.ttf", r"Emoji|emoji|icons"),
)
WORDS = ("bip39", "**/language/english.rs")


def collect(folder):
    """Fills `folder` with `fonts/` and `words.txt`."""
    rustc = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True)
    host = re.search(r"^host: (.+)$", rustc.stdout, flags=re.MULTILINE).group(1)
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    answer = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE)
    sources = {
        package["name"]: Path(package["manifest_path"]).parent
        for package in json.loads(answer.stdout)["packages"]
    }
    fonts = Path(folder) / "fonts"
    fonts.mkdir(parents=True, exist_ok=True)
    for package, pattern, left_out in FONTS:
        for path in sorted(sources[package].glob(pattern)):
            if not (left_out and re.search(left_out, path.name)):
                shutil.copyfile(path, fonts / path.name)
    package, pattern = WORDS
    source = next(sources[package].glob(pattern)).read_text(encoding="utf-8")
    words = re.findall(r'^\s*"([a-z]+)",$', source, flags=re.MULTILINE)
    (Path(folder) / "words.txt").write_text("\n".join(words), encoding="utf-8")


def ensure(folder):
    """Collects the assets unless they are there."""
    if not (Path(folder) / "words.txt").exists():
        collect(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python assets.py FOLDER")
    collect(sys.argv[1])
