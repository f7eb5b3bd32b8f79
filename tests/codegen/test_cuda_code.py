"""Every CUDA kernel as ptxas assembles it for Ampere and Hopper."""

import re

import pytest

import loops
import sass

ARCHITECTURES = ("sm_80", "sm_90")
MOST_REGISTERS = 255  # per thread, the architecture's limit
MOST_THREADS = 1024  # per block, likewise
MOST_SHARED_BYTES = 48 * 1024  # per block, without asking the driver for more, which Halide's runtime does not

# The hot loop of CUTLASS's SIMT sgemm, 128x128x8, measured in the same way for sm_80.
LEAST_MULTIPLY_ADD_SHARE = 0.81


def test_sums_without_atomics(cuda_kernel):
    """Sums in an order that depends on timing would not give the same bits twice."""
    atomics = re.findall(r"^\s*(?:@!?%p\d+\s+)?((?:atom|red)\.\S+)", sass.read_ptx(cuda_kernel.path), re.MULTILINE)
    assert not atomics


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_fits_without_spills(cuda_kernel, architecture, ptxas):
    for kernel in sass.assemble(ptxas, cuda_kernel.path, architecture):
        print(f"{kernel.name}: {kernel.registers} registers")
        assert kernel.spilled_bytes == 0, kernel.name
        assert 0 < kernel.registers <= MOST_REGISTERS, kernel.name


def test_launches_within_limits(cuda_kernel):
    launches = sass.launches(cuda_kernel.path.with_suffix(".stmt"))
    assert launches
    for launch in launches:
        print(launch)
        assert 0 < launch.threads <= MOST_THREADS, launch.kernel
        assert launch.shared_bytes <= MOST_SHARED_BYTES, launch.kernel


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_hot_loop_is_dense(whole_tile_cuda_kernel, architecture, ptxas, nvdisasm):
    bodies = [loops.hot_loop(code, sass.is_multiply_add)
              for code in sass.disassemble(ptxas, nvdisasm, whole_tile_cuda_kernel.path, architecture).values()]
    hottest = max(bodies, key=lambda body: sum(map(sass.is_multiply_add, body)))
    share = sum(map(sass.is_multiply_add, hottest)) / len(hottest)
    print(f"{share:.0%} FFMA of {len(hottest)} instructions")
    assert share >= LEAST_MULTIPLY_ADD_SHARE, "\n".join(instruction.text for instruction in hottest)
