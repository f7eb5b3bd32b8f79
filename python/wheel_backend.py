"""What `pip install .` calls: scikit-build-core, with the pinned build requirements of cmake/bootstrap/python.txt.

Halide comes as such a requirement; CMake finds it where pip has put it.
"""

import importlib.util
import re
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "cmake" / "bootstrap" / "python.txt"


def _requirements(*commands):
    """The packages that one of the commands needs, a line each: name==version  # commands: why."""
    lines = (re.match(r"([^#\s]\S*)\s+# ([a-z ]+):", line) for line in REQUIREMENTS.read_text().splitlines())
    return [line[1] for line in lines if line and set(commands) & set(line[2].split())]


def _backend():
    """scikit-build-core, which is there once the requirements are."""
    from scikit_build_core import build

    return build


def get_requires_for_build_wheel(config_settings=None):
    return _requirements("wheel")


def get_requires_for_build_sdist(config_settings=None):
    return _requirements("wheel")


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    return _backend().prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    halide = Path(importlib.util.find_spec("halide").submodule_search_locations[0])
    settings = {"cmake.define.Halide_DIR": str(halide / "lib64" / "cmake" / "Halide")} | (config_settings or {})
    return _backend().build_wheel(wheel_directory, settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    return _backend().build_sdist(sdist_directory, config_settings)
