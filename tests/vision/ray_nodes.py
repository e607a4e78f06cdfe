"""Two Ray nodes on this machine with the engine on both, as a process of its own: `python -m tests.vision.ray_nodes`.

It says "ready" once the engine answers, then where it listens, since it may not listen elsewhere, and "killed" once a
line of its input has made it kill the second node. It ends with its input: so with the test that holds it, however that
ends. It takes its process group with it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import traceback

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # what else fills the machine's memory is no reason to kill replicas
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",  # a raylet that is gone refuses the connection; a busy one has 10 s to answer
    "RAY_health_check_failure_threshold": "2",
}

import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

from facepay.vision.ray_serving import LOCAL_NODE, ListensElsewhere, Models, Scale, deploy, keep_to_this_machine
from tests.vision.engine_contract import LIMITS

REPLICAS = 2
OBJECTS_BYTES = 80_000_000  # the least that Ray takes
QUEUE_MAX = 64
LIFE_SECONDS_MAX = 300


def main(port: int) -> None:
    keep_to_this_machine()
    cluster = Cluster()
    start_node(cluster, no_monitor=True)
    second = start_node(cluster)
    ray.init(cluster.address, _node_ip_address=LOCAL_NODE, log_to_driver=False, logging_level=logging.ERROR)
    models, scale = Models("buffalo_sc", limits=LIMITS), Scale(replicas=REPLICAS, queue_max=QUEUE_MAX)
    deploy(models, scale, port=port)
    print("ready", flush=True)
    try:
        deploy(models, scale, port=port + 1)
    except ListensElsewhere as there:
        print(there, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(second, allow_graceful=False)
        print("killed", flush=True)


def start_node(cluster: Cluster, **options: bool) -> Node:
    node: Node = cluster.add_node(
        node_ip_address=LOCAL_NODE,
        num_cpus=1,
        object_store_memory=OBJECTS_BYTES,
        include_dashboard=False,
        include_log_monitor=False,
        dashboard_agent_listen_port=0,
        **options,
    )
    return node


if __name__ == "__main__":
    faulthandler.enable()  # SIGABRT tells where it stands
    faulthandler.dump_traceback_later(LIFE_SECONDS_MAX, exit=True)
    try:
        main(port=int(sys.argv[1]))
    except BaseException:
        traceback.print_exc()
    finally:
        os.killpg(0, signal.SIGKILL)  # Ray's own end takes seconds, and now and then for ever
