"""The hot loop of every specialised AVX2 and AVX-512 kernel, in the assembly that LLVM emitted."""

import pathlib
import re

import assembly
import loops

# Each issues two multiply-adds a cycle of the target's widest vectors, which take four cycles. LLVM's models of later cores
# with 512-bit vectors issue fewer than the cores do, so that no loop reaches their peak.
CPUS = {"avx2": ("skylake", "znver3"), "avx512": ("skylake-avx512",)}
MULTIPLY_ADDS_PER_CYCLE = 2

# Kernels are to reach 80 % of the measured peak as a whole; the loop alone, with its data in the first-level cache, has to
# leave room for everything else.
LEAST_SHARE_OF_PEAK = 0.85

CHECKS = pathlib.Path(__file__).with_name("hot_loop.check")


def hot_loop(kernel):
    functions = assembly.parse(kernel.path)
    if kernel.algorithm in ("winograd2", "winograd4"):
        # The transforms, unrolled over a tile, have more multiply-adds than the loop of the products, among many others.
        candidates = [loops.densest_loop(function, assembly.is_multiply_add, 8) for function in functions]
        return max(candidates, key=lambda body: sum(map(assembly.is_multiply_add, body)) / max(1, len(body)))
    candidates = [loops.hot_loop(function, assembly.is_multiply_add) for function in functions]
    return max(candidates, key=lambda body: sum(map(assembly.is_multiply_add, body)))


def check(kernel, filecheck, prefix):
    lines = "\n".join(instruction.text for instruction in hot_loop(kernel))
    errors = assembly.filecheck(filecheck, CHECKS, prefix, f"hot loop\n{lines}\nend of loop\n")
    assert not errors, f"{lines}\n{errors}"


def test_sums_stay_in_registers(cpu_kernel, filecheck):
    check(cpu_kernel, filecheck, "SUMS")


def test_hot_loop_is_a_register_tile(whole_tile_cpu_kernel, filecheck):
    check(whole_tile_cpu_kernel, filecheck, whole_tile_cpu_kernel.target.upper())


def test_large_filter_is_fetched_ahead(large_filter_cpu_kernel):
    """On AVX2 a block ahead, into L2; on AVX-512 every cache line that the hot loop reads, into all levels of the cache."""
    loop = hot_loop(large_filter_cpu_kernel)
    fetches = [line.mnemonic for line in loop if line.mnemonic.startswith("prefetch")]
    if large_filter_cpu_kernel.target == "avx2":
        assert fetches and set(fetches) == {"prefetcht1"}, "\n".join(line.text for line in loop)
        return
    loads = sum(re.match(r"vmov[au]ps\t-?\w*\(", line.text.strip()) is not None for line in loop)
    assert 0 < loads <= fetches.count("prefetcht0"), "\n".join(line.text for line in loop)


def test_large_filter_is_fetched_before_it_is_packed(large_packed_filter_kernel):
    """The next block or chunk, into L2, while one is multiplied."""
    loop = hot_loop(large_packed_filter_kernel)
    assert any(line.mnemonic == "prefetcht1" for line in loop), "\n".join(line.text for line in loop)


def test_large_transformed_filter_is_fetched_ahead(large_filter_winograd_kernel):
    """Of the next element of the transformed tiles, into L2; where a task's tiles of 4x4 pixels are one register tile, some
    channels ahead, into all levels."""
    fetches = {"prefetcht1"} if large_filter_winograd_kernel.algorithm == "winograd2" else {"prefetcht0", "prefetcht1"}
    loop = hot_loop(large_filter_winograd_kernel)
    assert any(line.mnemonic in fetches for line in loop), "\n".join(line.text for line in loop)


def test_large_gradient_is_fetched_before_it_is_stored(large_gradient_cpu_kernel):
    """Around the hot loop, into L2."""
    functions = assembly.parse(large_gradient_cpu_kernel.path)
    assert any(line.mnemonic == "prefetcht1" for function in functions for line in function)
    assert not any(line.mnemonic.startswith("prefetch") for line in hot_loop(large_gradient_cpu_kernel))


def test_large_image_is_fetched_ahead(large_image_cpu_kernel):
    """The next task's or block's rows, into L2."""
    loop = hot_loop(large_image_cpu_kernel)
    assert any(line.mnemonic == "prefetcht1" for line in loop), "\n".join(line.text for line in loop)


def test_depthwise_hot_loop_is_vectors(depthwise_cpu_kernel, filecheck):
    kernel = depthwise_cpu_kernel
    check(kernel, filecheck, "DEPTHWISE")
    keeps_taps = kernel.dtype == "f32" or (kernel.dtype == "f16" and kernel.operation != "conv2d_forward_fused")
    if kernel.target == "avx512" and kernel.operation != "conv2d_backward_filter" and keeps_taps:
        check(kernel, filecheck, "TAPS")


def test_hot_loop_is_predicted_near_peak(whole_tile_cpu_kernel, llvm_mca):
    loop = hot_loop(whole_tile_cpu_kernel)
    multiply_adds = sum(map(assembly.is_multiply_add, loop))
    for cpu in CPUS[whole_tile_cpu_kernel.target]:
        cycles = assembly.cycles_per_iteration(llvm_mca, cpu, loop)
        share = multiply_adds / (MULTIPLY_ADDS_PER_CYCLE * cycles)
        print(f"{cpu}: {multiply_adds} multiply-adds in {cycles:.1f} cycles, {share:.0%} of peak")
        assert share >= LEAST_SHARE_OF_PEAK, "\n".join(instruction.text for instruction in loop)
