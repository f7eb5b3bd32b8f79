"""The machine that a measurement runs on."""

import os
from pathlib import Path


def one_cpu_per_core():
    """The CPUs that this process may use, one of each core: threads that share a core's units are not measured."""
    cpus, seen = [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = siblings.read_text().strip() if siblings.exists() else str(cpu)
        if core not in seen:
            seen.add(core)
            cpus.append(cpu)
    return cpus


def cpus_for(threads):
    """The first `threads` of them; all CPUs, with a warning by the caller, where there are not as many cores."""
    cpus = one_cpu_per_core()
    return cpus[:threads] if len(cpus) >= threads else sorted(os.sched_getaffinity(0))


def cpu_model():
    """The model's name, with family and model numbers, since virtual machines hide the name's rest."""
    first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    fields = dict(map(str.strip, line.split(":", 1)) for line in first.splitlines() if ":" in line)
    name = fields.get("model name", "unknown CPU")
    return f"{name} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"
