"""A task's questions, read and checked before any model is involved; which of them, and how."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lvlm_eval.errors import DataError
from lvlm_eval.images import DigestCache, check_images
from lvlm_eval.schema import JSON, Decoding, Image, Mode, Prompt, Sample, Task, TaskRun
from lvlm_eval.store import digest_of_json, digest_of_list

ORDER_SEED = "lvlm_eval/order/0"


@dataclass(frozen=True, slots=True)
class Questions:
    """A task's questions, read and checked, before any model is involved.

    label: the task's name, with `@demo` for the bundled data.
    samples: all of them in canonical order, with the digests of their images.
    """

    task: Task
    label: str
    samples: tuple[Sample, ...]
    data_digest: str
    image_digest: str

    def task_run(self, decoding: Decoding) -> TaskRun:
        return TaskRun(
            self.task.name,
            self.task.version,
            self.data_digest,
            self.image_digest,
            digest_of_list(_prompt_text(sample.prompt) for sample in self.samples),
            decoding,
            len(self.samples),
        )


def read_questions(task: Task, label: str, root: Path) -> Questions:
    """The task's questions from the data root; opens no image.

    Raises DataError where a file is missing, broken, or holds no question.
    """
    samples = tuple(task.samples(root))
    if not samples:
        raise DataError(f"{task.name}: the files under {root} hold no question")
    return Questions(task, label, samples, digest_of_list(map(_canonical, samples)), "")


def read_images(
    questions: Questions, cache: DigestCache | None, progress: Callable[[int, int], None]
) -> Questions:
    """The questions with every image checked and its digest known; ImageError names the row."""
    askers = {i: s for s in reversed(questions.samples) for i in s.prompt.images if i.path}
    digests = check_images(
        askers, cache=cache, origin=lambda image: askers[image].origin, progress=progress
    )

    def known(image: Image) -> Image:
        if image.path is not None:
            return replace(image, digest=digests[image])
        return replace(image, digest=hashlib.sha256(image.data or b"").hexdigest())

    samples = tuple(replace(s, prompt=s.prompt.map_images(known)) for s in questions.samples)
    images: list[JSON] = [[i.digest for i in s.prompt.images] for s in samples]
    return replace(questions, samples=samples, image_digest=digest_of_json(images))


def choose(samples: Sequence[Sample], limit: int | None) -> list[Sample]:
    """Whole clusters in seeded order until `limit` questions are reached, in sample order.

    A higher limit contains a lower one's questions, so a run can be extended.
    """
    if limit is None or limit >= len(samples):
        return list(samples)
    sizes: dict[str, int] = {}
    for sample in samples:
        sizes[sample.cluster] = sizes.get(sample.cluster, 0) + 1
    order = sorted(sizes, key=seeded)
    reached = itertools.accumulate((sizes[cluster] for cluster in order), initial=0)
    chosen = {cluster for cluster, before in zip(order, reached, strict=False) if before < limit}
    return [sample for sample in samples if sample.cluster in chosen]


def in_seeded_order(samples: Sequence[Sample]) -> list[Sample]:
    """Cluster after cluster in the order in which a growing limit takes them in."""
    return sorted(samples, key=lambda sample: seeded(sample.cluster))


def in_mode(samples: Sequence[Sample], mode: Mode) -> list[Sample]:
    """The samples as the mode asks them: as they are, without images, or with another's images.

    mismatched: each cluster gets the images of the next one in a seeded order.
    """
    if mode == "normal":
        return list(samples)
    if mode == "blind":
        return [replace(s, prompt=s.prompt.map_images(lambda _: None)) for s in samples]
    images = {s.cluster: s.prompt.images for s in samples if s.prompt.images}
    order = sorted(images, key=seeded)
    if len(order) < 2:
        raise DataError("mode mismatched needs at least two images to exchange")
    donor = dict(zip(order, [*order[1:], order[0]], strict=True))

    def exchanged(sample: Sample) -> Sample:
        if not sample.prompt.images:
            return sample
        others = itertools.cycle(images[donor[sample.cluster]])
        return replace(sample, prompt=sample.prompt.map_images(lambda _: next(others)))

    return [exchanged(sample) for sample in samples]


def seeded(cluster: str) -> bytes:
    """A cluster's place in the seeded order: the same in every process."""
    return hashlib.sha256(f"{ORDER_SEED}/{cluster}".encode()).digest()


def _canonical(sample: Sample) -> JSON:
    """What identifies a sample wherever its files lie: no folder, no origin, no alias."""
    names = [image.name or image.digest for image in sample.prompt.images]
    return [
        sample.question_id,
        _prompt_text(sample.prompt),
        sample.target,
        sample.facts,
        sample.groups,
        sample.cluster,
        names,
    ]


def _prompt_text(prompt: Prompt) -> JSON:
    turns: list[JSON] = [
        [turn.role, [part if isinstance(part, str) else {"image": True} for part in turn.parts]]
        for turn in prompt.turns
    ]
    # only where it is not the usual, so that the digests of all other prompts stay as they were
    unpadded: list[JSON] = [] if prompt.padded else [{"padded": False}]
    return [prompt.system, turns, *unpadded]
