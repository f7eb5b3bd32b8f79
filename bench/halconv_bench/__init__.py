"""Runs the measuring program halconv_bench for each target, dtype and number of threads, and shows what it found."""
