"""The files that the build keeps beside each kernel's object."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

# The grammar: runtime/include/halconv/kernel_name.h.
_NAME = re.compile(r"(?P<operation>(?:conv2d|reorder_filter)_(?:forward|backward_input|backward_filter))"
                   r"(?:_(?P<algorithm>[a-z0-9]+))?__(?P<problem>\w+?)__(?P<dtype>\w+?)__(?P<target>\w+)")


@dataclass(frozen=True)
class KernelFile:
    path: pathlib.Path
    operation: str
    algorithm: str | None
    problem: str
    target: str


def find(folder: pathlib.Path, suffix: str) -> list[KernelFile]:
    """The files of convolutions in `folder`, by name; filter conversions hold no multiply-adds."""
    files = []
    for path in sorted(folder.glob(f"conv2d_*{suffix}")):
        match = _NAME.fullmatch(path.name.removesuffix(suffix))
        assert match, f"{path.name} is no kernel's name"
        files.append(KernelFile(path, match["operation"], match["algorithm"], match["problem"], match["target"]))
    return files
