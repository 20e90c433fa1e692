"""Runs a command and prints its wall time as one JSON line; the command's own output goes to stderr.

`python wall.py --work "ocr-probe quick" --impl pytorch --threads 2 -- COMMAND ...`
"""

import argparse
import json
import subprocess
import sys
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("work", "impl"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--threads", type=int, required=True)
    # Split by hand: the command may have a `--` of its own.
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args, command = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1 :]
    if not command:
        parser.error("no command; write it after --")
    start = time.perf_counter()
    status = subprocess.run(command, stdout=sys.stderr).returncode
    milliseconds = round(1e3 * (time.perf_counter() - start), 1)
    if status != 0:
        sys.exit(f"{command[0]} ended with status {status}, so its time says nothing")
    row = {"work": args.work, "impl": args.impl, "threads": args.threads}
    print(json.dumps({**row, "ms": milliseconds, "samples": 1}))


if __name__ == "__main__":
    main()
