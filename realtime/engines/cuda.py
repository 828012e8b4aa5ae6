"""The GPU as the TensorRT engines see it: memory, one stream, events and graphs, through PyCUDA.

PyCUDA is imported here alone, and only when a GPU is opened. It lacks CUDA graphs; those are captured
through the driver's own library, which is also what tells whether there is a GPU at all.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from realtime.errors import EngineError, EngineUnavailableError
from realtime.types import Array

log = logging.getLogger(__name__)

_MIB = 1 << 20
_NO_DEVICE = 100
_CAPTURE_THREAD_LOCAL = 1


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU. capability: its compute capability, (8, 9) say."""

    name: str
    capability: tuple[int, int]
    driver: str

    def __str__(self) -> str:
        return f"{self.name} ({self.capability[0]}.{self.capability[1]})"


class Event(Protocol):
    """A point on the stream. `wait` releases the interpreter's lock until the GPU has passed it."""

    def record(self) -> None: ...

    def wait(self) -> None: ...

    def ms_since(self, earlier: Event) -> float: ...


class Graph(Protocol):
    """Captured work: one launch, on the stream it was captured from."""

    def launch(self) -> None: ...

    def close(self) -> None: ...


class Cuda(Protocol):
    """One engine's share of the GPU. Everything but `close` is called inside `with active():`.

    Copies and `zero` are queued on the stream and return at once; host arrays given to them must be
    contiguous and must stay as they are until an event after them has been waited for. Addresses are
    device addresses in bytes.

    active: makes the GPU current in the calling thread, and turns CUDA's errors into EngineError.
    capture: what `enqueue` puts on the stream, as a graph; it is recorded, not run. Raises EngineError
    when this cannot be captured. close: frees every allocation and the stream; harmless twice.
    """

    @property
    def device(self) -> Device: ...

    @property
    def stream(self) -> int: ...

    def active(self) -> AbstractContextManager[None]: ...

    def allocate(self, nbytes: int) -> int: ...

    def free(self, address: int) -> None: ...

    def pinned(self, nbytes: int) -> Array: ...

    def upload(self, address: int, host: Array) -> None: ...

    def download(self, host: Array, address: int) -> None: ...

    def copy(self, to: int, source: int, nbytes: int) -> None: ...

    def zero(self, address: int, nbytes: int) -> None: ...

    def event(self) -> Event: ...

    def capture(self, enqueue: Callable[[], None]) -> Graph: ...

    def close(self) -> None: ...


def why_no_gpu() -> str:
    """Why this machine cannot run CUDA work from here, in words that follow "but"; empty if it can."""
    driver = _driver()
    if driver is None:
        return "this machine has no NVIDIA driver"
    status = driver.cuInit(0)
    count = ctypes.c_int(0)
    if status == 0:
        status = driver.cuDeviceGetCount(ctypes.byref(count))
    if status == _NO_DEVICE or (status == 0 and count.value == 0):
        return "no NVIDIA GPU is visible to this program"
    if status != 0:
        return f"the NVIDIA driver does not start (CUDA error {status}): reinstall or update it"
    if importlib.util.find_spec("pycuda") is None:
        return "PyCUDA is not installed (pip install pycuda; it needs the CUDA toolkit to build)"
    return ""


def open_cuda() -> PyCuda:
    """The first visible GPU. Raises EngineUnavailableError when there is none, or no PyCUDA."""
    reason = why_no_gpu()
    if reason:
        raise EngineUnavailableError(f"CUDA was asked for, but {reason}")
    with _opening:
        return PyCuda(_primary())


_opening = threading.Lock()


@functools.cache
def _driver() -> ctypes.CDLL | None:
    """The driver's library, which comes with the driver and with nothing else."""
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class _Primary:
    """PyCUDA's driver module and the process's one context, the same that TensorRT works in.

    One context object serves every thread: PyCUDA frees only what was made under the object on top of the
    calling thread's stack, and engines are opened in one thread and closed in another.
    """

    driver: Any
    context: Any
    device: Device


@functools.cache
def _primary() -> _Primary:
    try:
        import pycuda.driver as driver
    except Exception as error:  # a binary for another CUDA fails with ImportError or OSError
        raise EngineUnavailableError(
            f"PyCUDA does not load ({error}): build it for this machine's CUDA, pip install --no-cache pycuda"
        ) from error
    try:
        driver.init()
        gpu = driver.Device(0)
        number = driver.get_driver_version()
        version = f"{number // 1000}.{number % 1000 // 10}"
        device = Device(gpu.name(), tuple(gpu.compute_capability()), version)
        return _Primary(driver, gpu.retain_primary_context(), device)
    except driver.Error as error:
        raise EngineUnavailableError(f"the GPU cannot be used: {error}") from error


class PyCuda:
    """`Cuda` on a real GPU."""

    def __init__(self, primary: _Primary) -> None:
        self._driver = primary.driver
        self._context = primary.context
        self.device = primary.device
        self._allocations: dict[int, Any] = {}
        with self.active():
            # 1: does not wait for the default stream, on which other libraries may work.
            self._stream: Any = self._driver.Stream(1)
            self.stream: int = self._stream.handle

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the GPU current in this thread; its errors leave as EngineError."""
        self._context.push()
        try:
            yield
        except self._driver.MemoryError as error:
            raise EngineError(
                f"{self.device.name} is out of memory{self._free_memory()}: close what else uses the GPU, "
                "or follow fewer people (--people)"
            ) from error
        except self._driver.Error as error:
            raise EngineError(f"CUDA failed on {self.device.name}: {error}") from error
        finally:
            self._driver.Context.pop()

    def allocate(self, nbytes: int) -> int:
        """Device memory, not cleared."""
        allocation = self._driver.mem_alloc(nbytes)
        self._allocations[int(allocation)] = allocation
        return int(allocation)

    def free(self, address: int) -> None:
        """Give back what `allocate` returned."""
        self._allocations.pop(address).free()

    def pinned(self, nbytes: int) -> Array:
        """Page-locked host memory, (nbytes,) uint8, which the GPU copies from and to by itself."""
        memory: Array = self._driver.pagelocked_empty(nbytes, np.uint8)
        return memory

    def upload(self, address: int, host: Array) -> None:
        """Queue a copy from page-locked memory to the GPU."""
        self._driver.memcpy_htod_async(address, host, self._stream)

    def download(self, host: Array, address: int) -> None:
        """Queue a copy from the GPU to page-locked memory."""
        self._driver.memcpy_dtoh_async(host, address, self._stream)

    def copy(self, to: int, source: int, nbytes: int) -> None:
        """Queue a copy on the GPU."""
        self._driver.memcpy_dtod_async(to, source, nbytes, self._stream)

    def zero(self, address: int, nbytes: int) -> None:
        """Queue clearing device memory."""
        self._driver.memset_d8_async(address, 0, nbytes, self._stream)

    def event(self) -> Event:
        """A new event, with timing. Waiting for it blocks instead of spinning on a core."""
        return _PyCudaEvent(self._driver.Event(self._driver.event_flags.BLOCKING_SYNC), self._stream)

    def capture(self, enqueue: Callable[[], None]) -> Graph:
        """Record what `enqueue` puts on the stream."""
        return _DriverGraph(self.stream, enqueue)

    def close(self) -> None:
        """Free the stream and what is still allocated; a GPU that has failed takes it back by itself."""
        if self._stream is None:
            return
        with suppress(EngineError), self.active():
            self._stream.synchronize()
            self._stream = None
            while self._allocations:
                self._allocations.popitem()[1].free()
        self._stream = None
        self._allocations.clear()

    def _free_memory(self) -> str:
        try:
            free, total = self._driver.mem_get_info()
        except self._driver.Error:
            return ""
        return f" ({free // _MIB} of {total // _MIB} MiB free)"


class _PyCudaEvent:
    def __init__(self, event: Any, stream: Any) -> None:
        self._event = event
        self._stream = stream

    def record(self) -> None:
        self._event.record(self._stream)

    def wait(self) -> None:
        self._event.synchronize()

    def ms_since(self, earlier: Event) -> float:
        assert isinstance(earlier, _PyCudaEvent)
        return float(self._event.time_since(earlier._event))


class _DriverGraph:
    """A CUDA graph, captured and launched through the driver's library; its calls release the lock."""

    def __init__(self, stream: int, enqueue: Callable[[], None]) -> None:
        self._stream = ctypes.c_void_p(stream)
        self._executable: ctypes.c_void_p | None = None
        graph, executable = ctypes.c_void_p(), ctypes.c_void_p()
        _call("cuStreamBeginCapture_v2", self._stream, ctypes.c_int(_CAPTURE_THREAD_LOCAL))
        try:
            enqueue()
        except BaseException:
            with suppress(EngineError):  # a capture left open would make the stream useless
                _call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
                _call("cuGraphDestroy", graph)
            raise
        _call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
        try:
            _call("cuGraphInstantiateWithFlags", ctypes.byref(executable), graph, ctypes.c_ulonglong(0))
        finally:
            _call("cuGraphDestroy", graph)
        self._executable = executable

    def launch(self) -> None:
        _call("cuGraphLaunch", self._executable, self._stream)

    def close(self) -> None:
        if self._executable is not None:
            _call("cuGraphExecDestroy", self._executable)
            self._executable = None


def _call(name: str, *arguments: Any) -> None:
    """Call a driver function. Raises EngineError when it fails, or the driver is too old to have it."""
    function = getattr(_driver(), name, None)
    if function is None:
        raise EngineError(f"the NVIDIA driver lacks {name}: update it")
    status = function(*arguments)
    if status != 0:
        raise EngineError(f"CUDA failed: {name} returned error {status}")
