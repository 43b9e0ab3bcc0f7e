"""The machine that code is generated for, and the cores that a process may use."""

import os
import subprocess
import sys

import pytest

from chainrule.engines.native import target
from chainrule.engines.native.target import cores, host, widest_vectors
from chainrule.errors import ArgumentError


@pytest.fixture(autouse=True)
def _no_choices(monkeypatch):
    monkeypatch.delenv("CHAINRULE_VECTOR_BYTES", raising=False)
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.parametrize(
    ("features", "width"),
    [
        ({"avx512f": True, "avx2": True, "fma": True}, 64),
        ({"avx512f": False, "avx2": True, "fma": True}, 32),
        ({"avx2": True, "fma": False}, 16),
        ({"sse4.2": True}, 16),
        ({"neon": True}, 16),
        ({}, 16),
    ],
)
def test_the_features_of_a_processor_decide_the_width(features, width):
    assert widest_vectors(features) == width


@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="compares with what Linux says")
def test_the_width_is_what_the_system_says():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    assert host().vector_bytes == (64 if "avx512f" in flags else 32 if {"avx2", "fma"} <= {*flags} else 16)


def test_a_narrower_width_is_the_same_processor():
    widest, narrow = host(), host(16)
    assert narrow.vector_bytes == 16
    assert (narrow.triple, narrow.cpu, narrow.features) == (widest.triple, widest.cpu, widest.features)


def test_the_variable_chooses_the_width(monkeypatch):
    monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", "16")
    assert host().vector_bytes == 16


def test_an_argument_goes_before_the_variable(monkeypatch):
    monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", "nonsense")
    assert host(16).vector_bytes == 16


@pytest.mark.parametrize("text", ["24", "128", "-16", "wide", "16.0"])
def test_other_widths_are_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", text)
    with pytest.raises(ArgumentError, match=r"CHAINRULE_VECTOR_BYTES must be .*16 on this machine"):
        host()


def test_wider_than_the_machine_is_refused(monkeypatch):
    monkeypatch.setattr(target, "_processor", lambda: ("x86_64-unknown-linux-gnu", "haswell", "+avx2", 32))
    assert host().vector_bytes == 32
    with pytest.raises(ArgumentError, match=r"vector_bytes must be 32 or 16 on this machine \(haswell\), not 64"):
        host(64)


def test_without_llvmlite_the_message_says_what_to_install():
    code = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "from chainrule.engines.native.target import host\n"
        "from chainrule.errors import EngineError\n"
        "try: host()\n"
        "except EngineError as error: print(error)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install llvmlite" in printed


def test_importing_the_native_engine_does_not_load_llvmlite():
    code = "import sys, chainrule.engines.native.team; print('llvmlite' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


def test_cores_are_at_most_those_of_the_system():
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_on_one_core_has_one():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from chainrule.engines.native.target import cores; print(cores())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "CHAINRULE_THREADS"}
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert printed.stdout.strip() == "1"


def test_the_variable_chooses_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("CHAINRULE_THREADS", "5")
    assert cores() == 5


@pytest.mark.parametrize(
    ("text", "threads"), [("1", 1), ("2", 2), ("2,4", 2), ("64", 3), ("", 3), ("0", 3), ("false", 3)]
)
def test_a_worker_keeps_to_its_share_of_the_cores(monkeypatch, text, threads):
    monkeypatch.setattr(target, "_own_cores", lambda: 3)
    monkeypatch.setattr(target, "_share_of_time", lambda: 64)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert cores() == threads
    monkeypatch.setenv("CHAINRULE_THREADS", "5")
    assert cores() == 5


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_other_numbers_of_threads_are_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("CHAINRULE_THREADS", text)
    with pytest.raises(ArgumentError, match="CHAINRULE_THREADS must be a whole number from 1"):
        cores()


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({"proc/self/cgroup": "0::/box", "sys/fs/cgroup/box/cpu.max": "400000 100000"}, 4),
        ({"proc/self/cgroup": "0::/box", "sys/fs/cgroup/box/cpu.max": "max 100000"}, None),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "250000 100000"}, 2),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "50000 100000"}, 0),
        (
            {
                "proc/self/cgroup": "4:memory:/m\n3:cpu,cpuacct:/c",
                "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu/c/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
        ({}, None),
    ],
)
def test_the_quota_of_a_container_is_read(tmp_path, files, share):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    found = target._share_of_time(tmp_path)
    assert found == share if share is not None else found >= 1_000_000


def test_two_threads_of_one_core_count_once(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(target, "_siblings", lambda number: "0,2" if number in (0, 2) else "1,3")
    monkeypatch.setattr(target, "_share_of_time", lambda: 64)
    assert cores() == 2
