"""The hot loop of every bf16 kernel for CPUs that have dot products of it, in the assembly that LLVM emitted."""

from test_cpu_code import check


def test_hot_loop_is_dot_products(dot_product_kernel, filecheck):
    check(dot_product_kernel, filecheck, "BF16")
    if dot_product_kernel.problem != "generic":
        check(dot_product_kernel, filecheck, "SUMS")
