"""Kernels that Halide's autoschedulers schedule: compiled when the bench wants them, kept in the build folder."""

import importlib.util
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import runner
from .machine import one_cpu_per_core
from .row import AUTOSCHEDULERS

SECONDS, BYTES = 120, 8 << 30  # that compiling a kernel may take
# Adams2019's beam of 32, its default, takes minutes and more than 10 GB for a 3x3 layer; one of 4 some 5 seconds.
PARAMETERS = {
    "mullapudi2016": ["autoscheduler=Mullapudi2016"],
    "adams2019": ["autoscheduler=Adams2019", "autoscheduler.beam_size=4"],
}


def plugin(autoscheduler):
    halide = Path(importlib.util.find_spec("halide").submodule_search_locations[0])
    return halide / "lib64" / f"libautoschedule_{autoscheduler}.so"


def halide_target_of(build, target):
    """Halide's name for the target."""
    command = [build / "halconv_kernel_list", "kernels", "--targets", target]
    line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[0]
    return line.split(" ")[3]


def limit_resources():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def compile_kernel(generate, halide_target, autoscheduler, operation, problem, target, threads, folder):
    """The shared library, or None where the autoscheduler fails or takes too much; the reason lies beside it then."""
    name = f"conv2d_{operation}_{autoscheduler}__{problem}__f32__{target}"
    library, reason = folder / f"{name}.so", folder / f"{name}.failed"
    for finished in (library, reason):
        if finished.exists() and finished.stat().st_mtime > generate.stat().st_mtime:
            return library if finished == library else None
    compile_command = [generate, "-g", f"conv2d_{operation}", "-f", name, "-n", name, "-o", folder, "-e", "object"]
    compile_command += ["-p", plugin(autoscheduler), f"target={halide_target}", f"problem={problem}"]
    compile_command += [*PARAMETERS[autoscheduler], f"autoscheduler.parallelism={threads}"]
    link_command = [shutil.which("c++") or "c++", "-shared", "-o", library, folder / f"{name}.o"]
    try:
        for command in (compile_command, link_command):
            words = [str(word) for word in command]
            subprocess.run(words, check=True, capture_output=True, text=True, preexec_fn=limit_resources)
    except subprocess.CalledProcessError as error:
        reason.write_text(f"{error}\n{error.stderr}")
        print(f"{name} cannot be compiled: {reason}", file=sys.stderr)
        return None
    return library


def libraries(process):
    """Of all problems that the process measures, for the autoschedulers among its peers; none but in f32."""
    request, target, threads = process.request, process.target, process.threads
    wanted = [name for name in AUTOSCHEDULERS if name in request.peers]
    if not wanted or process.dtype != "f32":
        return []
    generate = request.build / "generators" / "halconv_generate"
    folder = request.build / "autoscheduled" / f"{threads}_threads"
    folder.mkdir(parents=True, exist_ok=True)
    halide_target = halide_target_of(request.build, target)
    problems = dict.fromkeys(runner.problems(process))
    print(f"compiling with {', '.join(wanted)}: {len(problems) * len(wanted)} kernels for {target}", file=sys.stderr)
    with ThreadPoolExecutor(len(one_cpu_per_core())) as pool:
        jobs = [
            pool.submit(compile_kernel, generate, halide_target, name, operation, problem, target, threads, folder)
            for name in wanted
            for operation, problem in problems
        ]
    return [library for job in jobs if (library := job.result()) is not None]
