"""Two Ray nodes on this machine with the engine on both, as a process of its own: `python -m tests.vision.ray_nodes`.

It says "ready" once the engine answers, kills what a line of its input names ("node" or "head"), and ends, with all
that it started, when its input does: so with the test that holds it, however that ends.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from facepay.vision.frames import FrameLimits
from facepay.vision.ray_serving import Models, Scale, deploy

# After the room, which tells Ray not to report on anybody.
import ray
from ray.cluster_utils import Cluster

HEAD, NODE = "127.0.0.2", "127.0.0.3"
REPLICAS = 2
LIMITS = FrameLimits(bytes_max=2 * 1024 * 1024, megapixels_max=4.0)


def main() -> None:
    port = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        os.environ["RAY_TMPDIR"] = folder
        small = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
        (Path(folder) / "ray").mkdir()
        cluster = Cluster(initialize_head=True, head_node_args={"node_ip_address": HEAD, **small})
        node = cluster.add_node(node_ip_address=NODE, **small)
        ray.init(cluster.address, _node_ip_address=HEAD, log_to_driver=False, logging_level="error")
        deploy(Models("buffalo_sc", limits=LIMITS), Scale(replicas=REPLICAS, queue_max=256), port=port)
        print("ready", flush=True)
        for line in sys.stdin:
            cluster.remove_node(node if line.strip() == "node" else cluster.head_node, allow_graceful=False)
            print("killed", flush=True)
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    os.environ["RAY_enable_metrics_collection"] = "0"
    main()
