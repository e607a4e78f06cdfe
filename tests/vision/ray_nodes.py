"""Two Ray nodes on this machine with the engine on both, as a process of its own: `python -m tests.vision.ray_nodes`.

It says "ready" once the engine answers, kills what a line of its input names ("node" or "head"), and ends, with all
that it started, when its input does: so with the test that holds it, however that ends.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # there Ray takes 127.0.0.1 for an address, and listens nowhere else
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",  # a raylet that is gone refuses the connection; a busy one has 10 s to answer
    "RAY_health_check_failure_threshold": "2",
}

import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

from facepay.vision.ray_serving import Models, Scale, deploy
from tests.vision.engine_contract import LIMITS

ADDRESS = "127.0.0.1"
REPLICAS = 2
OBJECTS_BYTES = 80_000_000  # the least that Ray takes
QUEUE_MAX = 64


def main() -> None:
    port = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        os.environ["RAY_TMPDIR"] = folder
        (Path(folder) / "ray").mkdir()
        cluster = Cluster()
        try:
            head = start_node(cluster, no_monitor=True)
            node = start_node(cluster)
            ray.init(cluster.address, _node_ip_address=ADDRESS, log_to_driver=False, logging_level=logging.ERROR)
            deploy(Models("buffalo_sc", limits=LIMITS), Scale(replicas=REPLICAS, queue_max=QUEUE_MAX), port=port)
            print("ready", flush=True)
            for line in sys.stdin:
                cluster.remove_node({"head": head, "node": node}[line.strip()], allow_graceful=False)
                print("killed", flush=True)
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]


def start_node(cluster: Cluster, **options: bool) -> Node:
    node: Node = cluster.add_node(
        node_ip_address=ADDRESS,
        num_cpus=1,
        object_store_memory=OBJECTS_BYTES,
        include_dashboard=False,
        include_log_monitor=False,
        dashboard_agent_listen_port=0,
        **options,
    )
    return node


if __name__ == "__main__":
    main()
