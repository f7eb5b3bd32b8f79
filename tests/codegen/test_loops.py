"""The tools of this folder on code written by hand."""

import pathlib

import pytest

import assembly
import kernel_files
import loops
import sass

NEST = """\
kernel:
\tvxorps\t%xmm0, %xmm0, %xmm0
.LBB0_1:  # a loop with two multiply-adds of its own around
\tvfmadd231ps\t%ymm1, %ymm2, %ymm0
.LBB0_2:  # one with three, at two labels
.LBB0_4:
\tvfmadd231ps\t(%rdi), %ymm2, %ymm3      # ymm3 = (ymm2 * mem) + ymm3
\tvfmadd213ps\t%ymm1, %ymm2, %ymm4
\tvfmadd132ps\t%ymm1, %ymm2, %ymm5
\tjne\t.LBB0_2
\tvfmadd231ss\t%xmm1, %xmm2, %xmm6
\tvfmadd231ps\t%ymm1, %ymm2, %ymm0
\tjne\t.LBB0_1
\tje\t.LBB0_3
.LBB0_3:
\tretq
straight:
\tvfmadd231ps\t%ymm1, %ymm2, %ymm0
\tretq
"""


@pytest.fixture
def functions(tmp_path):
    path = tmp_path / "kernel.s"
    path.write_text(NEST)
    return assembly.parse(path)


def multiply_adds(body):
    return sum(map(assembly.is_multiply_add, body))


def test_parses_functions_and_jumps(functions):
    assert [len(function) for function in functions] == [11, 2]
    assert functions[0][1].labels == (".LBB0_1",)
    assert functions[0][5].jumps_to == ".LBB0_2"


def test_hot_loop_is_the_one_with_most_multiply_adds_of_its_own(functions):
    hot = loops.hot_loop(functions[0], assembly.is_multiply_add)
    assert [instruction.mnemonic for instruction in hot] == ["vfmadd231ps", "vfmadd213ps", "vfmadd132ps", "jne"]


def test_densest_loop_has_enough_multiply_adds(functions):
    inner = loops.densest_loop(functions[0], assembly.is_multiply_add, 1)
    assert [instruction.mnemonic for instruction in inner] == ["vfmadd231ps", "vfmadd213ps", "vfmadd132ps", "jne"]
    assert loops.densest_loop(functions[0], assembly.is_multiply_add, 4) == []


def test_hot_loop_leaves_out_nested_loops(functions):
    without_inner = [i for i in functions[0] if i.mnemonic not in ("vfmadd213ps", "vfmadd132ps")]
    hot = loops.hot_loop(without_inner, assembly.is_multiply_add)
    assert multiply_adds(hot) == 2
    assert not any("(%rdi)" in instruction.operands for instruction in hot)


def test_straight_code_is_its_own_hot_loop(functions):
    assert loops.hot_loop(functions[1], assembly.is_multiply_add) == functions[1]


CHECKS = pathlib.Path(__file__).with_name("hot_loop.check")
TILE = "\n".join(f"\tvfmadd231ps\t%ymm15, %ymm14, %ymm{i}" for i in range(8))


@pytest.mark.parametrize("line", ["\tvmovups\t%ymm3, 32(%rsp)  # 32-byte Spill", "\tvmovaps\t%zmm1, (%rdi,%rax)",
                                  "\tvfmadd213ps\t128(%rsp), %ymm15, %ymm4 # 32-byte Folded Reload"])
def test_a_stored_sum_is_seen(filecheck, line):
    assert not assembly.filecheck(filecheck, CHECKS, "SUMS", f"hot loop\n{TILE}\nend of loop\n")
    assert assembly.filecheck(filecheck, CHECKS, "SUMS", f"hot loop\n{TILE}\n{line}\nend of loop\n")


def test_a_small_tile_is_seen(filecheck):
    smaller = TILE.rsplit("\n", 1)[0]
    assert not assembly.filecheck(filecheck, CHECKS, "AVX2", f"hot loop\n{TILE}\nend of loop\n")
    assert assembly.filecheck(filecheck, CHECKS, "AVX2", f"hot loop\n{smaller}\nend of loop\n")
    assert assembly.filecheck(filecheck, CHECKS, "AVX512", f"hot loop\n{TILE}\nend of loop\n")


def test_a_chain_of_sums_is_far_from_peak(llvm_mca, tmp_path):
    chain = "\n".join(["\tvfmadd231ps\t%ymm15, %ymm14, %ymm0"] * 8)
    path = tmp_path / "kernel.s"
    path.write_text(f"tile:\n{TILE}\nchain:\n{chain}\n")
    tile, chained = assembly.parse(path)
    assert assembly.cycles_per_iteration(llvm_mca, "skylake", tile) < 4.1
    assert assembly.cycles_per_iteration(llvm_mca, "skylake", chained) > 31.9


def test_launches_are_read(tmp_path):
    path = tmp_path / "kernel.stmt"
    path.write_text('let r = halide_cuda_run(cuda[0], "_kernel", t1, t2, 1, 8, 4*2, 1, 0 + (512*4), (void *)make_struct(')
    assert sass.launches(path) == [sass.Launch("_kernel", 64, 2048)]
    path.write_text('let r = halide_cuda_run(cuda[0], "_kernel", 1, 1, 1, t3, 8, 1, 0, (void *)make_struct(')
    with pytest.raises(AssertionError, match="t3 is not constant"):
        sass.launches(path)


def test_channels_that_fill_tiles():
    def fills(operation, problem):
        return kernel_files.KernelFile(pathlib.Path(), operation, None, problem, "f32", "nhwc", "avx2").fills_tiles

    assert fills("conv2d_forward", "g1mb1_ic3oc64_ih56oh28kh7sh2ph3")
    assert not fills("conv2d_backward_input", "g1mb1_ic3oc64_ih56oh28kh7sh2ph3")
    assert not fills("conv2d_backward_filter", "g1mb1_ic3oc64_ih56oh28kh7sh2ph3")
    assert fills("conv2d_backward_filter", "g1mb1_ic16oc32_ih8oh8kh3sh1ph1")
    assert fills("conv2d_backward_filter", "g4mb1_ic64oc128_ih8oh8kh3sh1ph1")
    assert not fills("conv2d_backward_filter", "g8mb1_ic64oc128_ih8oh8kh3sh1ph1")
    assert not fills("conv2d_forward", "generic")
