"""The in-cluster HTTP side: admission over HTTPS, health and metrics over plain HTTP, and the life of the process.

Nothing is decided here. `handlers` takes a review's bytes to the reviewer and its answer back; `connection`, `bodies`
and `deadline` hold the ceilings on what a peer may take; `tls` keeps the certificate fresh; `metrics`, `decision_log`,
`lines`, `logs` and `sink` say what happened; `run` starts all of it and ends it without losing a request.
"""
