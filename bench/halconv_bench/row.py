"""One row of the bench: what the measuring program reported of one kernel on one number of threads, and what follows."""

from dataclasses import dataclass

# Every peer there is, in the order of the columns, and what it is.
PEERS = {
    "onednn_plain": "oneDNN on the same plain tensors, its reorders counted",
    "onednn_best": "oneDNN in its own layouts, no reorder counted",
    "mullapudi2016": "Halide's autoscheduler Mullapudi2016 on the same algorithm",
    "adams2019": "Halide's autoscheduler Adams2019 on the same algorithm",
    "im2col": "im2col and OpenBLAS",
    "f32": "halconv's direct kernel of f32 with the same vectors, for rows of other dtypes; the other peers are for f32 alone",
}
AUTOSCHEDULERS = ("mullapudi2016", "adams2019")


@dataclass(frozen=True)
class Row:
    """`event` is the program's; times in seconds, rates in FLOP/s."""

    event: dict
    cpu_model: str

    def __getattr__(self, name):
        try:
            return self.event[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def name(self):
        """The kernel's, and of a generic one the problem that it ran."""
        problem = f"/{self.problem}" if "__generic__" in self.kernel else ""
        return f"{self.kernel}{problem}/threads:{self.threads}"

    @property
    def seconds(self):
        """Of a call of the plan, median, with warm caches."""
        return self.plan["median"]

    @property
    def gflops(self):
        """The products with the padding's zeros count, as in benchdnn."""
        return self.flops / self.seconds / 1e9

    @property
    def roof_share(self):
        """Of the roof that binds, the products with the padding's zeros counted: the FMA peak or a level of memory."""
        return self.roof["seconds"] / self.seconds

    @property
    def algorithm(self):
        """As the kernel's name has it: conv2d_<operation>[_<algorithm>]__..."""
        generator = self.kernel.split("__")[0]
        return generator.removeprefix(f"conv2d_{self.operation}").lstrip("_") or "direct"

    def ratios(self, temperature="median"):
        """The peers' times over halconv's; "cold" for those that found other data in the caches."""
        ratios = {name: peer["ratio"][temperature] for name, peer in self.peers.items() if "ratio" in peer}
        scheduled = [ratios[name] for name in AUTOSCHEDULERS if name in ratios]
        return ratios | ({"autoscheduler": min(scheduled)} if scheduled else {})



def doubt_roofs(rows, steady=0.9):
    """Adds a doubt to rows whose FMA peak lies below `steady` times the best of the same target, dtype and threads: their
    rates are those of another clock, or of a machine with other work. And to rows beyond the memory's roof, which was
    then measured too low; a fast algorithm passes the FMA peak, but nothing passes that."""
    best = {}
    for row in rows:
        key = row.target, row.dtype, row.threads
        best[key] = max(best.get(key, 0), row.peak)
    for row in rows:
        share = row.peak / best[row.target, row.dtype, row.threads] if row.peak else 1
        if share < steady:
            row.doubts.append(f"the FMA peak beside it was {100 * share:.0f} % of the best in this run")
        if row.roof["is_memory"] and row.roof_share > 2 - steady:
            row.doubts.append(f"it passes the roof of {row.roof['name']}, whose bandwidth was disturbed")
