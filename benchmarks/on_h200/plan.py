"""What is run: jobs by rank, for a rehearsal and for the run proper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clock import Command, Job, python

HERE = Path(__file__).parent
_CLIPS = "clips/*.npz"
_COMMANDS = "training.commands.train"
_ENDING_S, _LIFTER_ENDING_S = 24.0, 25.0
"""What a training takes to start and to end: an image net measures, a lifter draws its first batches."""
BODIES_A = ("cmu-01", "cmu-35", "cmu-32", "cmu-05", "cmu-06", "cmu-10", "cmu-43")
BODIES_B = ("cmueval-mean", "iclone-donor")
"""Two halves of the bodies in training: each is left out once, for records of a net that never saw them."""
_SOME = "0,1,2,8,10,12,14,15,16,26,27,28"
_OTHERS = "3,4,5,6,7,9,11,13,17,18,19,20,21,22,23,24,25,29,30"
"""Ablations by number (`benchmarks/ablations.py`): those run from the start, and those beside the nets."""
_LIFTER_CONFIGS = {
    "unified": "mixture: {exact: 0.45, records: 0.25, usual: 0.6}",
    "videopose-tcn": "net: {width: 320, blocks: 2, dropout: 0.0}",
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where things are. makehuman, motion, records: what is read. work: what is made goes there.

    device: of the nets, as torch names it. workers: processes that render side by side. tiny: sizes for a try
    on a small machine.
    """

    makehuman: Path
    motion: Path
    records: Path
    work: Path
    device: str = "cuda"
    workers: int = 12
    tiny: bool = False

    def clips(self, part: str) -> Path:
        """The folder of rendered clips of a part."""
        return self.work / f"clips-{part}"

    def run(self, name: str) -> Path:
        """The folder of a training."""
        return self.work / "runs" / name


def render(
    site: Site, folder: str, part: str, clips: int, processes: int, seed: int = 1, frames: int = 30
) -> Command:
    """Render clips of a part of the motion. frames: of each."""
    sides, frames = (("160", "256"), 8) if site.tiny else (("320", "640"), frames)
    return python(
        "-m", _COMMANDS, "render", "--makehuman", site.makehuman, "--motion", site.motion,
        "--out", site.clips(folder), "--clips", clips, "--seed", seed, "--form", "frames", "--part", part,
        "--frames-per-clip", frames, "--long-side", *sides, "--processes", processes,
    )  # fmt: skip


def image_net(site: Site, system: str, run: str, *more: str) -> Command:
    """Train an image net for all the time there is. run: also its configuration, unless `more` names one."""

    def command(seconds: float) -> list[str]:
        minutes = max(seconds - _ENDING_S, 4.0) / 60
        small = (
            ["--batch", "4", "--held", "16", "--pool", "16", "--stride", "2"]
            if site.tiny
            else []
            if "--pool" in more
            else ["--pool", "20000"]
        )
        config = [] if "--config" in more else ["--config", run]
        return [
            *python("-m", _COMMANDS, system)(seconds), "--clips", str(site.clips("training")),
            "--clips", str(site.clips("more")), "--validation", str(site.clips("validation")),
            "--out", str(site.run(run)), "--minutes", f"{minutes:.3f}", "--device", site.device,
            "--report-s", "40", "--threads", "1", "--readers", "2", *small, *config, *more,
        ]  # fmt: skip

    return command


def lifter(site: Site, name: str, drawers: int, seed: int, clips: int) -> Command:
    """Train a lifter for all the time there is; what comes after the training may be cut off."""

    def command(seconds: float) -> list[str]:
        config = site.run(name) / "config.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        batch = f"batch: {{clips: {8 if site.tiny else clips}, frames: 48, past: 24}}"
        config.write_text(f"system: {name}\n{_LIFTER_CONFIGS[name]}\n{batch}\n", encoding="utf-8")
        return [
            *python("-m", _COMMANDS, name)(seconds), "--motion", str(site.motion),
            "--records", str(site.records), "--out", str(site.run(name)), "--config", str(config),
            "--minutes", f"{max(seconds - _LIFTER_ENDING_S, 4.0) / 60:.3f}", "--seed", str(seed),
            "--threads", "1", "--device", site.device, "--drawers", str(drawers),
        ]  # fmt: skip

    return command


def ablations(site: Site, only: str, processes: int, steps: int, run: str, device: str = "cpu") -> Command:
    """Short trainings that differ in one thing."""
    return python(
        HERE.parent / "ablations.py", "--motion", site.motion, "--records", site.records, "--steps", steps,
        "--only", only, "--processes", processes, "--parts", site.run(run), "--device", device,
        "--out", site.run(run) / "gathered.json",
    )  # fmt: skip


def own_records(site: Site, run: str, subjects: tuple[str, ...]) -> Command:
    """Keep what a trained image net says of people it was not trained on."""
    return python(
        "-m", _COMMANDS, "image-records", site.run(run), "--clips", site.clips("training"),
        "--clips", site.clips("more"), "--only", ",".join(subjects), "--device", site.device,
        "--readers", 5, "--out", site.run("records") / f"records-{run}.npz",
    )  # fmt: skip


def rehearsal(site: Site) -> list[Job]:
    """A little of everything, in about a minute: what does not work is to say so, the rest how fast it is."""
    tiny = site.tiny
    some = ((site.clips("training"), _CLIPS, 2),)
    rendered = ("render-training", "render-validation")
    train_s = 110.0 if tiny else 34.0

    def trained(system: str, run: str) -> Job:
        command = image_net(site, system, run, "--pool", "16" if tiny else "200", "--stride", "2")
        return Job(run, command, most_s=train_s, after=rendered, needs=some)

    def ablated(run: str, only: str, device: str) -> Job:
        steps = 3 if tiny else 50
        return Job(run, ablations(site, only, 1, steps, run, device), most_s=100, after=rendered)

    training = render(site, "training", "training", 2000, site.workers)
    validation = render(site, "validation", "validation", 2 if tiny else 6, 2)
    jobs = [
        Job("machine", python(HERE / "probe.py", "machine"), most_s=60),
        Job("gl", python(HERE / "probe.py", "gl", site.makehuman, site.motion), most_s=60),
        Job("render-training", training, site.workers, most_s=24.0, after=("machine", "gl")),
        Job("render-validation", validation, 2, most_s=24.0, after=("machine", "gl")),
        Job("unified", lifter(site, "unified", 1 if tiny else 4, 5, 160), 5, most_s=train_s, after=rendered),
        trained("ssd", "ssd"),
        trained("cpn", "cpn"),
        trained("integral-regression", "integral-regression"),
        ablated("ablation-0-cpu", "0", "cpu"),
    ]
    if tiny:
        return jobs
    return [
        *jobs,
        trained("integral-regression", "integral-regression-resnet50"),
        ablated("ablation-26-cpu", "26", "cpu"),
        ablated("ablation-26-gpu", "26", site.device),
    ]


def proper(site: Site, seconds: float) -> list[Job]:
    """The run: people rendered first, image nets trained meanwhile and after, the lifters' ablations beside.

    seconds: on the clock. The three nets to be kept train through; beside them, one after another, what they
    are compared with: CPNs trained briefly and equally (`short-`), nets that never saw a half of the bodies,
    and the papers' sizes.
    """
    tiny = site.tiny
    some = ((site.clips("training"), _CLIPS, 2 if tiny else 60),)
    began_s, rendered_s = (50, 80) if tiny else (42, 140)
    trained_s = seconds - 10
    turn_s = (trained_s - began_s) / 4
    middle_s = rendered_s + (trained_s - rendered_s) * 0.46
    workers, (few, steps) = site.workers, (1, 3) if tiny else (3, 500)

    def trained(system: str, run: str, since_s: float, until_s: float, *more: str) -> Job:
        command = image_net(site, system, run, *more)
        return Job(run, command, from_s=since_s, until_s=until_s, least_s=30.0, needs=some)

    def kept(system: str) -> Job:
        return trained(system, system, began_s, trained_s)

    def short(turn: int, run: str, config: str) -> Job:
        since_s = began_s + turn * turn_s
        return trained("cpn", run, since_s, since_s + turn_s, "--config", config)

    def fold(run: str, left_out: tuple[str, ...], since_s: float) -> Job:
        more = ("--config", "integral-regression", "--leave-out", ",".join(left_out))
        return trained("integral-regression", run, since_s, since_s + (trained_s - rendered_s) * 0.4, *more)

    def observed(run: str, subjects: tuple[str, ...]) -> Job:
        return Job(f"records-{run}", own_records(site, run, subjects), after=(run,), until_s=trained_s + 8)

    return [
        Job("machine", python(HERE / "probe.py", "machine"), cores=0.0, most_s=60),
        Job("gl", python(HERE / "probe.py", "gl", site.makehuman, site.motion), cores=0.0, most_s=60),
        Job("render-validation", render(site, "validation", "validation", 3 if tiny else 24, 2), cores=2),
        Job(
            "render-training", render(site, "training", "training", 9000, workers - 2),
            cores=workers - 2, until_s=rendered_s,
        ),
        Job(
            "render-more", render(site, "more", "training", 9000, 2, seed=2),
            cores=2, until_s=rendered_s, after=("render-validation",),
        ),
        kept("integral-regression"),
        kept("cpn"),
        kept("ssd"),
        short(0, "short-cpn", "cpn"),
        Job(
            "ablations-a", ablations(site, "0" if tiny else _SOME, few, steps, "ablations-a"),
            cores=few, until_s=trained_s + 8,
        ),
        fold("fold-a", BODIES_A, rendered_s),
        Job(
            "ablations-b", ablations(site, "1" if tiny else _OTHERS, 2 * few, steps, "ablations-b"),
            cores=2 * few, after=("render-training", "render-more"), until_s=trained_s + 8,
        ),
        trained("integral-regression", "integral-regression-2d", rendered_s, middle_s),
        short(1, "short-cpn-globalnet", "cpn-globalnet"),
        short(2, "short-cpn-whole-frame", "cpn-whole-frame"),
        short(3, "cpn-resnet50", "cpn-resnet50"),
        observed("fold-a", BODIES_A),
        fold("fold-b", BODIES_B, middle_s),
        trained("integral-regression", "integral-regression-resnet50", middle_s, trained_s),
        observed("fold-b", BODIES_B),
    ]  # fmt: skip


def longer(site: Site, seconds: float) -> list[Job]:
    """People rendered all the time, and few nets that train on them: distinct people are what lacked.

    The CPN is kept from the start on; later, once there are many people, with and without its refinement for
    the same number of batches.
    """
    tiny = site.tiny
    some = ((site.clips("training"), _CLIPS, 2 if tiny else 60),)
    began_s, compared_s = (50.0, 90.0) if tiny else (36.0, 250.0)
    trained_s, steps = seconds - 10, "3" if tiny else "1000"
    pool = ("--pool", "16" if tiny else "40000")

    def trained(system: str, run: str, since_s: float, *more: str) -> Job:
        command = image_net(site, system, run, *pool, *more)
        return Job(run, command, from_s=since_s, until_s=trained_s, least_s=30.0, needs=some)

    def compared(run: str, config: str) -> Job:
        return trained("cpn", run, compared_s, "--config", config, "--steps", steps)

    workers = site.workers - (0 if tiny else 2)
    training = render(site, "training", "training", 20000, workers, seed=3, frames=20)
    return [
        Job("machine", python(HERE / "probe.py", "machine"), cores=0.0, most_s=60),
        Job("render-validation", render(site, "validation", "validation", 3 if tiny else 24, 2), cores=2),
        Job("render-training", training, cores=0.0, until_s=trained_s - (0 if tiny else 40)),
        trained("integral-regression", "integral-regression", began_s),
        trained("cpn", "cpn", began_s),
        compared("short-cpn", "cpn"),
        compared("short-cpn-globalnet", "cpn-globalnet"),
    ]
