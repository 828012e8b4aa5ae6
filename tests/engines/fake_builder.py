"""A TensorRT that builds nothing and writes down what it is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.engines.fake_tensorrt import FakeLogger, Severity


class FakeBuilding:
    """The parts of TensorRT's Python interface that build a plan, writing down in `said` what they are told.

    Its network has the inputs of the contract's model. A timing cache grows by `timed:` with every build.
    """

    ILogger = FakeLogger
    __version__ = "10.13.0"
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=3)
    MemoryPoolType = SimpleNamespace(WORKSPACE="WORKSPACE")
    BuilderFlag = SimpleNamespace(TF32="TF32", VERSION_COMPATIBLE="VERSION_COMPATIBLE")
    HardwareCompatibilityLevel = SimpleNamespace(SAME_COMPUTE_CAPABILITY="SAME_COMPUTE_CAPABILITY")

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.without_gpu = False
        self.parser_errors: list[tuple[str, str, str]] = []
        self.plan: bytes | None = b"plan"

    def Builder(self, logger: FakeLogger) -> FakeBuilder:  # noqa: N802
        if self.without_gpu:
            logger.log(Severity.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return FakeBuilder(self, logger)

    def OnnxParser(self, network: FakeNetwork, logger: FakeLogger) -> SimpleNamespace:  # noqa: N802
        errors = [
            SimpleNamespace(desc=lambda d=d: d, node_name=lambda n=n: n, node_operator=lambda o=o: o)
            for d, n, o in self.parser_errors
        ]
        return SimpleNamespace(
            parse=lambda data: not errors, num_errors=len(errors), get_error=errors.__getitem__
        )


class FakeNetwork:
    num_inputs = 2

    def get_input(self, number: int) -> SimpleNamespace:
        return SimpleNamespace(name=("x", "image")[number], shape=((-1, 3), (1, 3, 8, 8))[number])


class FakeBuilder:
    def __init__(self, trt: FakeBuilding, logger: FakeLogger) -> None:
        self._trt = trt
        self._logger = logger

    def create_network(self, flags: int) -> FakeNetwork:
        self._trt.said["network_flags"] = flags
        return FakeNetwork()

    def create_builder_config(self) -> FakeConfig:
        return FakeConfig(self._trt.said)

    def create_optimization_profile(self) -> FakeProfile:
        return FakeProfile()

    def build_serialized_network(self, network: FakeNetwork, config: FakeConfig) -> bytes | None:
        if self._trt.plan is None:
            self._logger.log(Severity.ERROR, "no tactic")
        if config.timed is not None:
            config.timed += b"timed:"
        return self._trt.plan


class FakeProfile(dict[str, list[tuple[int, ...]]]):
    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        self[name] = list(shapes)


class FakeConfig:
    def __init__(self, said: dict[str, Any]) -> None:
        object.__setattr__(self, "said", said)
        object.__setattr__(self, "timed", None)

    said: dict[str, Any]
    timed: bytes | None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "timed":
            object.__setattr__(self, name, value)
        else:
            self.said[name] = value

    def set_memory_pool_limit(self, pool: str, size: int) -> None:
        self.said["pool"] = pool, size

    def set_flag(self, flag: str) -> None:
        self.said.setdefault("set", []).append(flag)

    def clear_flag(self, flag: str) -> None:
        self.said.setdefault("cleared", []).append(flag)

    def add_optimization_profile(self, profile: FakeProfile) -> int:
        self.said["profile"] = dict(profile)
        return 0

    def create_timing_cache(self, known: bytes) -> bytes:
        return known

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.timed = cache
        return not cache.strip(b"timed:")

    def get_timing_cache(self) -> SimpleNamespace:
        return SimpleNamespace(serialize=lambda: self.timed)
