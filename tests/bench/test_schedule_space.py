"""The numbers that the bench shows and the tuner tries, of every kernel of the default suite."""

import json
import subprocess
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[2] / "bench" / "suites" / "default.txt"
TARGETS = ("avx2", "avx512")


def lines_of(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout.splitlines()


def kernels_of_problems(build, target):
    lines = lines_of(build / "halconv_kernel_list", "kernels", "--targets", target, SUITE)
    names = [line.split(" ")[1] for line in lines]
    # Fused kernels run with forward's rows, those that pack their filter with what the heuristic says.
    without_rows = ("__generic__", "_fused", "_plainfilter")
    return [name for name in names if name.startswith("conv2d_") and not any(part in name for part in without_rows)]


@pytest.mark.parametrize("target", TARGETS)
def test_every_candidate_is_a_row_that_the_schedule_accepts(build, tmp_path, target):
    program, table = build / "tools" / "halconv_schedule_space", tmp_path / f"{target}.txt"
    found = [json.loads(line) for line in lines_of(program, "--candidates", *kernels_of_problems(build, target))]
    without_numbers = [kernel["kernel"] for kernel in found if not kernel["numbers"]]
    # The stem's gradient with respect to its 3 channels has a schedule without numbers.
    assert all("conv2d_backward_input__" in kernel for kernel in without_numbers) and len(without_numbers) <= 3
    searched = [kernel for kernel in found if kernel["numbers"]]
    for pick in (0, 1, -1):  # the best estimate, a neighbour, the farthest
        chosen = {}
        for kernel in searched:
            assert kernel["candidates"], kernel
            assert kernel["candidates"][0].keys() == kernel["numbers"].keys(), kernel
            chosen[kernel["kernel"]] = kernel["candidates"][min(pick, len(kernel["candidates"]) - 1)]
        rows = []
        for name, numbers in chosen.items():
            generator, problem = name.split("__")[:2]
            rows.append(" ".join([generator, problem, *(f"{key}={value}" for key, value in numbers.items())]))
        table.write_text("\n".join(rows) + "\n")
        shown = [json.loads(line) for line in lines_of(program, "--table", table, *chosen)]
        assert {kernel["kernel"]: kernel["numbers"] for kernel in shown} == chosen
