"""The files that the build keeps beside each kernel's object."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

# The grammar: runtime/include/halconv/kernel_name.h.
_NAME = re.compile(r"(?P<operation>conv2d_forward_fused|epilogue_backward|"
                   r"(?:conv2d|reorder_filter)_(?:forward|backward_input|backward_filter))"
                   r"(?:_(?P<algorithm>[a-z0-9]+))?__(?P<problem>\w+?)__(?P<dtype>[a-z0-9]+)"
                   r"(?:__(?P<data_format>nchw))?__(?P<target>\w+)")


@dataclass(frozen=True)
class KernelFile:
    path: pathlib.Path
    operation: str
    algorithm: str | None
    problem: str
    dtype: str
    data_format: str
    target: str

    @property
    def fills_vectors(self) -> bool:
        """Whether a depthwise kernel's channels, with one filter each, fill whole vectors of every target; those of NCHW lie
        along its columns."""
        if self.data_format == "nchw":
            columns = re.search(r"_i[hw](\d+)o", self.problem)
            return bool(columns) and int(columns[1]) % 16 == 0
        counts = re.match(r"g(\d+)mb\d+_ic(\d+)oc(\d+)_", self.problem)
        return bool(counts) and counts[1] == counts[2] == counts[3] and int(counts[1]) % 16 == 0

    @property
    def is_depthwise(self) -> bool:
        """Whether its hot loop is one over pixels, with loads and stores, and not a register tile of a matrix product."""
        return self.algorithm == "depthwise"

    @property
    def filter_bytes(self) -> int:
        """Of a group of f32."""
        number = {kind: int(value) for kind, value in re.findall(r"(g|ic|oc|kh|kw)(\d+)", self.problem)}
        groups, rows = number["g"], number["kh"]
        return 4 * (number["ic"] // groups) * (number["oc"] // groups) * rows * number.get("kw", rows)

    @property
    def is_pointwise(self) -> bool:
        """Whether the filter is 1x1 and the stride 1, without padding."""
        return re.search(r"_ih(\d+)oh\1kh1sh1ph0$", self.problem) is not None

    @property
    def image_bytes(self) -> int:
        """Of the smaller of the two images, of f32; both have the same height and width."""
        number = {kind: int(value) for kind, value in re.findall(r"(mb|ic|oc|ih)(\d+)", self.problem)}
        return 4 * number["mb"] * number["ih"] ** 2 * min(number["ic"], number["oc"])

    @property
    def fills_tiles(self) -> bool:
        """Whether each group of the result has channels in whole vectors of every target. Where it has not, part of a tile is
        idle."""
        counts = {kind: int(count) for kind, count in re.findall(r"(g|ic|oc)(\d+)", self.problem)}
        groups = counts.pop("g", 1)
        channels = {kind: count // groups for kind, count in counts.items()}
        of_result = {"conv2d_forward": ["oc"], "conv2d_forward_fused": ["oc"], "conv2d_backward_input": ["ic"], "conv2d_backward_filter": ["ic", "oc"]}
        return bool(channels) and all(channels[kind] % 16 == 0 for kind in of_result[self.operation])


def read_list(path: pathlib.Path, folder: pathlib.Path, suffixes: dict[str, str]) -> list[KernelFile]:
    """The files of the convolutions among the kernels that `path` names, one a line; the others hold no multiply-adds.
    `suffixes` gives the kind of file for each target; other targets are left out."""
    files = []
    for name in path.read_text().split():
        match = _NAME.fullmatch(name)
        assert match, f"{name} is no kernel's name"
        target = match["target"]
        if target in suffixes and match["operation"].startswith("conv2d_"):
            file = folder / target / (name + suffixes[target])
            files.append(KernelFile(file, match["operation"], match["algorithm"], match["problem"],
                                    match["dtype"], match["data_format"] or "nhwc", target))
    return files
