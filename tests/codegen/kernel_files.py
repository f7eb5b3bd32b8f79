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

    @property
    def fills_tiles(self) -> bool:
        """Whether the result has channels in whole vectors of every target. Where it has not, part of a tile is idle."""
        channels = {kind: int(count) for kind, count in re.findall(r"(ic|oc)(\d+)", self.problem)}
        of_result = {"conv2d_forward": ["oc"], "conv2d_backward_input": ["ic"], "conv2d_backward_filter": ["ic", "oc"]}
        return bool(channels) and all(channels[kind] % 16 == 0 for kind in of_result[self.operation])


def find(folder: pathlib.Path, suffix: str) -> list[KernelFile]:
    """The files of convolutions in `folder`, by name; filter conversions hold no multiply-adds."""
    files = []
    for path in sorted(folder.glob(f"conv2d_*{suffix}")):
        match = _NAME.fullmatch(path.name.removesuffix(suffix))
        assert match, f"{path.name} is no kernel's name"
        files.append(KernelFile(path, match["operation"], match["algorithm"], match["problem"], match["target"]))
    return files
