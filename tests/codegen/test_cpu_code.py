"""The hot loop of every specialised AVX2 and AVX-512 kernel, in the assembly that LLVM emitted."""

import pathlib

import pytest

import assembly
import loops

# Two multiply-adds a cycle of the target's widest vectors on each. LLVM's models of later Intel and AMD cores with 512-bit
# vectors issue fewer than the cores do, so that no loop reaches their peak.
CPUS = {"avx2": ("haswell", "znver3"), "avx512": ("skylake-avx512",)}
MULTIPLY_ADDS_PER_CYCLE = 2

# Kernels are to reach 80 % of the measured peak as a whole; the loop alone, with its data in the first-level cache, has to
# leave room for everything else.
LEAST_SHARE_OF_PEAK = 0.85


def hot_loop(path):
    candidates = [loops.hot_loop(function, assembly.is_multiply_add) for function in assembly.parse(path)]
    return max(candidates, key=lambda body: sum(map(assembly.is_multiply_add, body)))


def test_hot_loop_is_a_register_tile(cpu_kernel, filecheck):
    lines = "\n".join(instruction.text for instruction in hot_loop(cpu_kernel.path))
    checks = pathlib.Path(__file__).with_name("hot_loop.check")
    errors = assembly.filecheck(filecheck, checks, cpu_kernel.target.upper(), f"hot loop\n{lines}\nend of loop\n")
    assert not errors, f"{lines}\n{errors}"


def test_hot_loop_is_predicted_near_peak(cpu_kernel, llvm_mca):
    loop = hot_loop(cpu_kernel.path)
    multiply_adds = sum(map(assembly.is_multiply_add, loop))
    for cpu in CPUS[cpu_kernel.target]:
        cycles = assembly.cycles_per_iteration(llvm_mca, cpu, loop)
        share = multiply_adds / (MULTIPLY_ADDS_PER_CYCLE * cycles)
        print(f"{cpu}: {multiply_adds} multiply-adds in {cycles:.1f} cycles, {share:.0%} of peak")
        assert share >= LEAST_SHARE_OF_PEAK, "\n".join(instruction.text for instruction in loop)
