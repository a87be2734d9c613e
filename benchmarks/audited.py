"""One audit of a cluster, in a process that does nothing else.

Run as `python -m benchmarks.audited KUBECONFIG POLICIES REGISTRY`; prints an `Audit` as JSON.
"""

import resource
import sys
from pathlib import Path
from time import perf_counter, process_time

import msgspec
import uvloop

from webhook.audit.scan import Scanner
from webhook.audit.summary import summarize
from webhook.config import EngineConfig, RegistryConfig
from webhook.kube.workloads import ClusterWorkloads
from webhook.policy_files import PolicyFiles
from webhook.wiring import engine


class Audit(msgspec.Struct, frozen=True):
    """What it found, and what it took: seconds in all, seconds of CPU, and the most memory that it had."""

    pods: int
    subjects: int
    denied: int
    fault: str
    seconds: float
    cpu: float
    peak: int


async def audit(kubeconfig: Path, policies: Path, registry: str) -> Audit:
    config = EngineConfig(policies=(policies,), registry=RegistryConfig(insecure=frozenset({registry})))
    workloads = ClusterWorkloads(kubeconfig)
    try:
        async with engine(config, PolicyFiles((policies,)), workloads) as decider:
            began, cpu = perf_counter(), process_time()
            scan = await Scanner(workloads, decider).scan()
            counts = summarize(scan).counts
            seconds, cpu = perf_counter() - began, process_time() - cpu
    finally:
        await workloads.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Audit(scan.pods, counts.all.subjects, counts.denied.pods, scan.fault, seconds, cpu, peak)


if __name__ == "__main__":
    found = uvloop.run(audit(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
    sys.stdout.buffer.write(msgspec.json.encode(found))
