"""Where the emitted code and the tools are, as CMake found them."""

import pathlib

import pytest

import kernel_files


def pytest_addoption(parser):
    parser.addoption("--kernels", type=pathlib.Path, required=True, help="file with the kernels' names, one a line")
    parser.addoption("--folder", type=pathlib.Path, required=True, help="folder with a folder of files per target")
    for tool in ("llvm_mca", "filecheck", "ptxas", "nvdisasm"):
        parser.addoption(f"--{tool}", help=f"path of {tool}, for the tests that use it")


@pytest.fixture
def llvm_mca(request):
    return request.config.getoption("llvm_mca")


@pytest.fixture
def filecheck(request):
    return request.config.getoption("filecheck")


@pytest.fixture
def ptxas(request):
    return request.config.getoption("ptxas")


@pytest.fixture
def nvdisasm(request):
    return request.config.getoption("nvdisasm")


def pytest_generate_tests(metafunc):
    """One test per kernel, named as the kernel."""
    names, folder = metafunc.config.getoption("kernels"), metafunc.config.getoption("folder")
    cpu, cuda = {"avx2": ".s", "avx512": ".s"}, {"cuda": ".device_code"}

    def parametrize(fixture, suffixes, wanted):
        if fixture in metafunc.fixturenames:
            files = list(filter(wanted, kernel_files.read_list(names, folder, suffixes)))
            metafunc.parametrize(fixture, files, ids=[file.path.stem for file in files])

    def sums_f32(file):
        return file.dtype in ("f32", "f16", "bf16")

    # Part of a vector has so much masked code after a fused kernel's loop that LLVM spills sums in it (3 to 5 channels, AVX2).
    parametrize("cpu_kernel", cpu, lambda file: file.problem != "generic" and file.dtype == "f32" and not file.is_depthwise
                and (file.operation != "conv2d_forward_fused" or file.fills_tiles))
    parametrize("whole_tile_cpu_kernel", cpu, lambda file: file.fills_tiles and file.dtype == "f32" and not file.is_depthwise)
    parametrize("depthwise_cpu_kernel", cpu, lambda file: file.is_depthwise and file.fills_vectors and sums_f32(file))
    # A strided backward_input reads the filter's taps phase by phase, each of which may stay in L2.
    parametrize("large_filter_cpu_kernel", cpu, lambda file: file.problem != "generic" and file.dtype == "f32" and not file.algorithm
                and file.operation != "conv2d_backward_filter" and "sh1" in file.problem
                and file.filter_bytes > 5 * 2**20 / 8)
    parametrize("large_packed_filter_kernel", {"avx2": ".s"}, lambda file: file.algorithm == "plainfilter" and "sh1" in file.problem
                and file.filter_bytes > 5 * 2**20 / 8)
    parametrize("large_filter_winograd_kernel", {"avx2": ".s"}, lambda file: file.problem != "generic" and file.dtype == "f32"
                and file.algorithm in ("winograd2", "winograd4") and file.operation != "conv2d_backward_filter"
                and file.filter_bytes * 16 / 9 > 5 * 2**20 / 8)
    parametrize("large_gradient_cpu_kernel", {"avx2": ".s"}, lambda file: file.problem != "generic" and file.dtype == "f32"
                and not file.algorithm and file.operation == "conv2d_backward_filter" and "kh3" in file.problem
                and file.filter_bytes > 5 * 2**20 / 8)
    # 1x1 kernels of AVX2 whose filter stays in L2.
    parametrize("large_image_cpu_kernel", {"avx2": ".s"}, lambda file: file.problem != "generic" and file.dtype == "f32" and not file.algorithm
                and file.data_format == "nhwc" and file.is_pointwise and file.filter_bytes <= 5 * 2**20 / 8
                and file.image_bytes > 2**20)
    parametrize("avx512_bf16_kernel", {"avx512_bf16": ".s"}, lambda file: True)
    parametrize("dot_product_kernel", {"avx512_bf16": ".s"},
                lambda file: not file.is_depthwise and (file.problem == "generic" or file.fills_tiles))
    parametrize("fused_cpu_kernel", cpu, lambda file: (file.operation, file.algorithm, file.dtype) ==
                ("conv2d_forward_fused", None, "f32") and file.fills_tiles)
    # Sums of NCHW pass through the block that brings them into the planes' order.
    parametrize("nhwc_fused_cpu_kernel", cpu, lambda file: (file.operation, file.algorithm, file.dtype, file.data_format) ==
                ("conv2d_forward_fused", None, "f32", "nhwc") and file.fills_tiles)
    parametrize("cuda_kernel", cuda, lambda file: True)
    parametrize("whole_tile_cuda_kernel", cuda, lambda file: file.fills_tiles and not file.is_depthwise and sums_f32(file))
