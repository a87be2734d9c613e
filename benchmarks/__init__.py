"""What `make bench` runs: the real `tidewaiter serve` and a bare echo server, asked the same in one run.

Linux only: CPU time and memory are read from /proc. Everything stays on loopback, and every load has an end.
"""
