"""What PyCUDA and the NVIDIA driver are asked for, on stand-ins that write it down; and what is here."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from realtime.engines import cuda, library
from realtime.engines.cuda import PyCuda, open_cuda, why_no_gpu
from realtime.errors import EngineError, EngineUnavailableError


class FakeDriver:
    """The driver's library: every call succeeds but those in `fails`, and is written down in `calls`."""

    def __init__(self, devices: int = 1, **fails: int) -> None:
        self.calls: list[str] = []
        self._devices = devices
        self._fails = fails

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("cu") or self._fails.get(name) == -1:
            raise AttributeError(name)

        def call(*arguments: Any) -> int:
            self.calls.append(name)
            if name == "cuDeviceGetCount":
                arguments[0]._obj.value = self._devices
            return self._fails.get(name, 0)

        return call


class CudaError(Exception):
    pass


class CudaMemoryError(CudaError, MemoryError):
    pass


class FakePyCuda:
    """PyCUDA's driver module. Contexts are a stack in each thread, as there; `log` is what was called."""

    Error = CudaError
    MemoryError = CudaMemoryError
    event_flags = SimpleNamespace(BLOCKING_SYNC=1)

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.freed: list[int] = []
        self.room = 1000
        self._stack = threading.local()
        self.Context = SimpleNamespace(pop=lambda: self.stack.pop())

    @property
    def stack(self) -> list[str]:
        if not hasattr(self._stack, "value"):
            self._stack.value = []
        held: list[str] = self._stack.value
        return held

    def init(self) -> None:
        self.log.append("init")

    def get_driver_version(self) -> int:
        return 12090

    def Device(self, number: int) -> SimpleNamespace:  # noqa: N802
        context = SimpleNamespace(push=lambda: self.stack.append("primary"))
        return SimpleNamespace(
            name=lambda: "NVIDIA L4",
            compute_capability=lambda: (8, 9),
            retain_primary_context=lambda: context,
        )

    def Stream(self, flags: int) -> SimpleNamespace:  # noqa: N802
        assert self.stack
        self.log.append(("stream", flags))
        return SimpleNamespace(handle=55, synchronize=lambda: self.log.append("synchronize"))

    def mem_alloc(self, nbytes: int) -> Any:
        assert self.stack
        if nbytes > self.room:
            raise CudaMemoryError("cuMemAlloc failed: out of memory")
        driver = self

        class Allocation(int):
            def free(self) -> None:
                assert driver.stack, "freed where the GPU is not current: PyCUDA would leak it"
                driver.freed.append(int(self))

        return Allocation(1 << 20)

    def mem_get_info(self) -> tuple[int, int]:
        return 3 << 20, 24 << 20

    def pagelocked_empty(self, shape: int, dtype: Any) -> Any:
        return np.empty(shape, dtype)

    def memcpy_htod_async(self, *arguments: Any) -> None:
        raise CudaError("cuMemcpyHtoDAsync failed:\n an illegal memory access was encountered")


@pytest.fixture
def pycuda(monkeypatch: pytest.MonkeyPatch) -> FakePyCuda:
    fake = FakePyCuda()
    package, module = ModuleType("pycuda"), ModuleType("pycuda.driver")
    for name in dir(fake):
        if not name.startswith("_") and name != "stack":
            setattr(module, name, getattr(fake, name))
    package.driver = module  # type: ignore[attr-defined]
    package.__spec__ = ModuleSpec("pycuda", None)
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", module)
    monkeypatch.setattr(cuda, "_driver", FakeDriver)
    cuda._primary.cache_clear()
    monkeypatch.setattr(cuda, "_primary", cuda._primary.__wrapped__)
    return fake


@pytest.fixture
def gpu(pycuda: FakePyCuda) -> PyCuda:
    return open_cuda()


def test_this_machine_says_whether_it_has_a_driver() -> None:
    reason = why_no_gpu()
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        assert reason == "this machine has no NVIDIA driver"
        with pytest.raises(EngineUnavailableError, match="but this machine has no NVIDIA driver"):
            open_cuda()
    else:
        assert "no NVIDIA driver" not in reason


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (FakeDriver(devices=0), "no NVIDIA GPU is visible to this program"),
        (FakeDriver(cuInit=100), "no NVIDIA GPU is visible to this program"),
        (FakeDriver(cuInit=803), r"the NVIDIA driver does not start \(CUDA error 803\): reinstall or update"),
        (FakeDriver(cuDeviceGetCount=3), r"the NVIDIA driver does not start \(CUDA error 3\)"),
    ],
)
def test_a_driver_without_a_gpu_is_told_from_no_driver(
    monkeypatch: pytest.MonkeyPatch, driver: FakeDriver, words: str
) -> None:
    monkeypatch.setattr(cuda, "_driver", lambda: driver)
    with pytest.raises(EngineUnavailableError, match=words):
        open_cuda()


def test_without_pycuda_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "_driver", FakeDriver)
    monkeypatch.setitem(sys.modules, "pycuda", None)
    monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda name: None)
    assert "pip install pycuda" in why_no_gpu()


def test_the_gpu_is_named_with_its_capability(gpu: PyCuda, pycuda: FakePyCuda) -> None:
    assert str(gpu.device) == "NVIDIA L4 (8.9)"
    assert gpu.device.driver == "12.9"
    assert gpu.stream == 55
    assert ("stream", 1) in pycuda.log


def test_the_gpu_is_current_only_inside(gpu: PyCuda, pycuda: FakePyCuda) -> None:
    assert not pycuda.stack
    with gpu.active():
        assert pycuda.stack == ["primary"]
    with pytest.raises(ZeroDivisionError), gpu.active():
        raise ZeroDivisionError
    assert not pycuda.stack


def test_a_full_gpu_and_a_failed_one_are_our_errors(gpu: PyCuda, pycuda: FakePyCuda) -> None:
    message = r"NVIDIA L4 is out of memory \(3 of 24 MiB free\): close what else uses the GPU, or"
    with pytest.raises(EngineError, match=message), gpu.active():
        gpu.allocate(1001)
    message = r"CUDA failed on NVIDIA L4: .* an illegal memory access"
    with pytest.raises(EngineError, match=message) as caught, gpu.active():
        gpu.upload(0, np.zeros(4, np.uint8))
    assert "\n" not in str(caught.value)
    assert not pycuda.stack


def test_memory_is_freed_where_it_is_closed_though_made_elsewhere(gpu: PyCuda, pycuda: FakePyCuda) -> None:
    with gpu.active():
        gpu.allocate(10)
    closer = threading.Thread(target=gpu.close)
    closer.start()
    closer.join()
    gpu.close()
    assert pycuda.freed == [1 << 20]


def test_memory_given_back_is_not_freed_again(gpu: PyCuda, pycuda: FakePyCuda) -> None:
    with gpu.active():
        gpu.free(gpu.allocate(10))
    gpu.close()
    assert pycuda.freed == [1 << 20]


def test_a_graph_is_captured_launched_and_destroyed(gpu: PyCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver()
    monkeypatch.setattr(cuda, "_driver", lambda: driver)
    graph = gpu.capture(lambda: driver.calls.append("enqueue"))
    graph.launch()
    graph.close()
    graph.close()
    assert driver.calls == [
        "cuStreamBeginCapture_v2", "enqueue", "cuStreamEndCapture", "cuGraphInstantiateWithFlags",
        "cuGraphDestroy", "cuGraphLaunch", "cuGraphExecDestroy",
    ]  # fmt: skip


def test_a_capture_that_fails_is_ended(gpu: PyCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver()
    monkeypatch.setattr(cuda, "_driver", lambda: driver)

    def fail() -> None:
        raise EngineError("tensorrt failed")

    with pytest.raises(EngineError, match="tensorrt failed"):
        gpu.capture(fail)
    assert driver.calls == ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphDestroy"]


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ({"cuStreamEndCapture": 901}, "cuStreamEndCapture returned error 901"),
        ({"cuGraphInstantiateWithFlags": 801}, "cuGraphInstantiateWithFlags returned error 801"),
        (
            {"cuGraphInstantiateWithFlags": -1},
            "driver lacks cuGraphInstantiateWithFlags: update it",
        ),
    ],
)
def test_a_capture_the_driver_refuses_is_our_error(
    gpu: PyCuda, monkeypatch: pytest.MonkeyPatch, fails: dict[str, int], words: str
) -> None:
    monkeypatch.setattr(cuda, "_driver", lambda: FakeDriver(**fails))
    with pytest.raises(EngineError, match=words):
        gpu.capture(lambda: None)


def fake_tensorrt(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    module = ModuleType("tensorrt")
    module.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: SimpleNamespace())


def test_a_tensorrt_that_is_too_old_or_broken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tensorrt(monkeypatch, "8.6.1")
    assert library.why_not("tensorrt") == (
        "tensorrt 8.6.1 is too old: 10 or later is needed, pip install --upgrade tensorrt"
    )

    def cannot(name: str) -> ModuleType:
        raise ImportError("libnvinfer.so.10: cannot open shared object file")

    monkeypatch.setattr(library.importlib, "import_module", cannot)
    reason = library.why_not("tensorrt")
    assert reason.startswith("tensorrt is installed but does not load (libnvinfer.so.10: cannot open")
    assert reason.endswith("install it again")


def test_a_tensorrt_that_is_absent_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailableError, match="is not installed: pip install tensorrt-rtx"):
        library.load_library("tensorrt-rtx")
