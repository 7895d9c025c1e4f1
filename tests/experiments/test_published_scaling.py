"""experiments.published_scaling: sizes are products of what was measured; what was not says so."""

from experiments.published_scaling import UNMEASURED, three_sizes, unit_costs

CALLS = {
    "calls": [
        {
            "wire": {"forward_kbps": forward, "reverse_kbps": 5.0, "setup_bytes": 3000},
            "compute_ms": {"sender_frame_p50": 15.0, "receiver_frame_p50": 12.0},
            "memory_mb": {"sender": 300, "receiver": 350},
        }
        for forward in (19.0, 21.0)
    ]
    + [{"clip": "c", "error": "no face"}]
}
BENCH = {
    "size": "nano", "backend": "openvino", "max_calls_25fps_p99_40ms": 2,
    "rows": [
        {"calls": 1, "latency_p99_ms": 20.0, "rss_mb": 300.0},
        {"calls": 2, "latency_p99_ms": 38.0, "rss_mb": 400.0},
    ],
}  # fmt: skip

ROOMS = {
    "rooms": 1000, "peers": 2000, "rss_mb": {"empty": 48.5, "idle": 99.9}, "idle_cpu_share": 0.002,
    "join_ms": {"p50": 1.9},
}  # fmt: skip


def test_unit_costs_are_means_of_the_calls_that_came_about() -> None:
    shown = unit_costs(CALLS, BENCH, ROOMS)
    assert "20.0 kbit/s, all headers counted" in shown and "3.0 kB" in shown
    assert "2: p99 38 ms from bundle to picture, 400 MB" in shown
    assert "100 MB (48 MB empty), 0.2 % of a core while idle" in shown
    assert shown.count(UNMEASURED) == 2


def test_sizes_are_products_and_processes_are_rounded_up() -> None:
    rows = {row.split("|")[1].strip(): row for row in three_sizes(CALLS, BENCH).splitlines()}
    media = rows["media between the ends"]
    assert "2.5 Mbit/s" in media and "250 Mbit/s" in media and "25 Gbit/s" in media
    receivers = rows["receivers on CPUs (2 a machine of 2 cores, measured above)"]
    assert "100 cores, 20 GB" in receivers and "1,000,000 cores, 200 TB" in receivers
    assert "| none needed |" in next(row for name, row in rows.items() if name.startswith("Redis"))


def test_a_machine_that_carries_no_call_is_counted_as_carrying_one() -> None:
    assert "a machine of 2 cores" in three_sizes(CALLS, BENCH | {"max_calls_25fps_p99_40ms": 0})
