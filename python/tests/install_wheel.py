"""Builds the wheel of `pip install .`, installs it into an environment without Halide, and computes there.

install_wheel.py SOURCE WORK [NAME=VALUE...]: the repository, a folder for everything made, CMake definitions.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

USE = """
import importlib.util, pathlib
import numpy as np
import halconv
from halconv import reference
assert importlib.util.find_spec("halide") is None
assert "Halide" not in pathlib.Path("/proc/self/maps").read_text(), "linked with Halide itself"
x, w = np.arange(96, dtype=np.float32).reshape(2, 4, 4, 3) % 7, np.arange(54, dtype=np.float32).reshape(3, 3, 3, 2)
output = halconv.conv2d(x, w, 1, "SAME")
np.testing.assert_array_equal(output, reference.conv2d(x, w, 1, "SAME"))
d_x = halconv.conv2d_backprop_input(x.shape, w, output, 1, "SAME")
np.testing.assert_array_equal(d_x, reference.conv2d_backprop_input(x.shape, w, output, 1, "SAME"))
print(len(halconv.kernels()), "kernels for", *halconv.targets())
"""


def main(source, work, *definitions):
    work = Path(work)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    settings = [f"-Ccmake.define.{definition}" for definition in definitions] + [f"-Cbuild-dir={work}/build"]
    for old in work.glob("*.whl"):
        old.unlink()
    subprocess.run(
        [*pip, "wheel", source, "--no-build-isolation", "--no-deps", "--no-index", "-w", work, *settings], check=True
    )
    (wheel,) = work.glob("*.whl")
    # An environment with NumPy, which the wheel needs, from this one: a test fetches nothing.
    venv.create(work / "venv", clear=True)
    (site_packages,) = (work / "venv" / "lib").glob("python*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).glob("numpy*"):
        (site_packages / entry.name).symlink_to(entry)
    python = work / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB")
    subprocess.run([python, "-I", "-c", USE], check=True, cwd=work)


if __name__ == "__main__":
    main(*sys.argv[1:])
