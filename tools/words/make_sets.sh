#!/bin/bash
# Makes the test sets of docs/words.md in data/words: three rendered by Pillow in fonts that no tower of ours
# was trained on, a photographed page and a scan.
#   apt-get install wamerican fonts-clear-sans fonts-sil-gentium-basic fonts-texgyre
#   pip install pillow numpy scikit-image pypdf
set -euo pipefail
cd "$(dirname "$0")/../.."
share=${SHARE:-/usr/share}
python=${PYTHON:-python3}
out=${OUT:-data/words}
here=tools/words
fonts=$share/fonts/truetype
clear=$fonts/clear-sans/ClearSans
gentium=$fonts/gentium-basic/GenBas
schola=$share/texmf/fonts/opentype/public/tex-gyre/texgyreschola-regular.otf
render=("$python" "$here/render_words.py" --dictionary "$share/dict/american-english" --seed 1)
mkdir -p "$out"
for kind in clean slight; do
  "${render[@]}" --kind $kind --out "$out/$kind" \
    --family "$clear-Regular.ttf,$clear-Bold.ttf,$clear-Italic.ttf" --family "${gentium}R.ttf,${gentium}B.ttf,${gentium}I.ttf"
done
"${render[@]}" --kind scan --out "$out/scan" --family "$schola" --family "${gentium}R.ttf"

# The page that scikit-image ships.
"$python" $here/cut_page.py skimage:page --box 0,0,384,155 --words $here/page_words.txt --out "$out/page"

# A page of the first edition of Huckleberry Finn, scanned; in the public domain, and in the tests of OCRmyPDF.
sources=$(mktemp -d)
trap 'rm -r "$sources"' EXIT
"$python" -m pip download --quiet --no-deps --no-binary ocrmypdf --dest "$sources" ocrmypdf==17.13.0
tar -xzf "$sources"/ocrmypdf-17.13.0.tar.gz -C "$sources"
"$python" - "$sources" <<'PAGE'
import sys
from pathlib import Path
from pypdf import PdfReader
folder = Path(sys.argv[1])
page = PdfReader(next(folder.glob("*/tests/resources/c03-29.pdf"))).pages[0]
page.images[0].image.convert("L").save(folder / "huck.png")
PAGE
"$python" $here/cut_page.py "$sources/huck.png" --gap 0.45 --box 335,232,770,690 --box 0,690,770,995 \
  --words $here/huck_words.txt --out "$out/huck"
