"""What measurements depend on: processor, memory, system, compilers and libraries."""

import datetime
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

# Vector and matrix instructions that kernels choose between.
INSTRUCTIONS = (
    "avx2", "fma", "f16c", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni",
    "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd", "sve", "sve2",
)


def describe(python):
    """Pairs of name and value; `python` is the interpreter that ran the PyTorch side."""
    return [
        ("Processor", processor()),
        ("Instruction sets", ", ".join(instructions()) or "unknown"),
        ("Cores", str(os.cpu_count())),
        ("Memory", memory()),
        ("System", system()),
        ("Rust", answer("rustc", "--version")),
        ("burn", locked_version("burn")),
        ("PyTorch", answer(python, "-c", "import torch; print(torch.__version__)")),
        ("Python", answer(python, "--version").removeprefix("Python ")),
        ("Commit", commit()),
        ("Date", datetime.date.today().isoformat()),
    ]


def answer(*command):
    """First line of what a command prints, or `unknown`."""
    try:
        found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return (found.stdout.splitlines() or ["unknown"])[0].strip()


def read(path):
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def cpu_field(*names):
    for name in names:
        found = re.search(rf"^{name}\s*:\s*(.+)$", read("/proc/cpuinfo"), flags=re.MULTILINE)
        if found:
            return found.group(1).strip()
    return ""


def processor():
    if sys.platform == "darwin":
        return answer("sysctl", "-n", "machdep.cpu.brand_string")
    name = cpu_field("model name", "CPU part") or platform.processor() or "unknown"
    family, model = cpu_field("cpu family"), cpu_field("model")
    return f"{name} (family {family}, model {model})" if family and model else name


def instructions():
    flags = cpu_field("flags", "Features").split()
    return [flag for flag in INSTRUCTIONS if flag in flags]


def memory():
    found = re.search(r"^MemTotal:\s*(\d+) kB$", read("/proc/meminfo"), flags=re.MULTILINE)
    return f"{int(found.group(1)) / 2**20:.0f} GiB" if found else "unknown"


def system():
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)', read("/etc/os-release"), flags=re.MULTILINE)
    version = re.match(r"\d+(\.\d+)?", platform.release())
    kernel = f"{platform.system()} {version.group() if version else ''}".strip()
    return f"{found.group(1)}, {kernel}" if found else kernel


def locked_version(package):
    lock = read(REPOSITORY / "Cargo.lock")
    found = re.search(rf'^name = "{package}"\nversion = "([^"]+)"', lock, flags=re.MULTILINE)
    return found.group(1) if found else "unknown"


def commit():
    changed = answer("git", "status", "--porcelain", "--untracked-files=no") != "unknown"
    return answer("git", "rev-parse", "--short=12", "HEAD") + (", with changes" if changed else "")
