"""How large a bundle of POPE, MME and GQA is at full size.

    python -m bench.bundle

The bundled questions are repeated up to the benchmarks' numbers of questions and images, with
ids, images, targets and GQA's groups of their own, and answered at random, 80 % right: answers
and ids that repeat less than real ones would make the files smaller than they are.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lvlm_eval.bundle import pack
from lvlm_eval.demo.root import demo_root
from lvlm_eval.plugins import load_task
from lvlm_eval.questions import Questions, read_questions
from lvlm_eval.run import mark
from lvlm_eval.schema import Response, Run, Sample
from lvlm_eval.store import RunStore

# questions and images: POPE's three splits, MME, GQA testdev_balanced
SIZES = {"pope": (9000, 500), "mme": (2374, 1187), "gqa": (12578, 398)}
WORDS = 1800  # different answers in GQA
GROUPS = 100  # global groups in GQA


def main() -> None:
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        run = Run("MoE-LLaVA-Phi2-2.7B-4e", "moe_llava", {"dtype": "bfloat16"}, "0" * 64)
        store = RunStore.create(Path(folder), run, {})
        for name in SIZES:
            _answer(store, name, rng)
        for text in (True, False):
            file = Path(folder) / "run.zip"
            pack(store.folder, file, text=text)
            print(f"{'with' if text else 'without'} text: {file.stat().st_size / 1e6:.2f} MB")


def _answer(store: RunStore, name: str, rng: random.Random) -> None:
    """The task at full size, marked and written to the store."""
    task = load_task(name)
    with tempfile.TemporaryDirectory() as cache:
        bundled = read_questions(task, name, demo_root(Path(cache)))
    samples = tuple(_full(name, bundled.samples, rng))
    questions = Questions(task, name, samples, bundled.data_digest, "")
    task_store = store.task(name)
    task_store.begin(questions.task_run(task.decoding))
    responses = {s.question_id: _response(s, rng) for s in samples}
    with task_store.writer() as writer:
        for response in responses.values():
            writer.add({"question_id": response.question_id, "text": response.text,
                        "finish": "stop", "new_tokens": 2, "error": ""})  # fmt: skip
    lines, summary = mark(questions, samples, responses)
    task_store.write_scores(lines)
    task_store.write_summary(summary)
    print(f"{name}: {summary.n} questions, {summary.clusters} clusters")


def _full(name: str, bundled: Sequence[Sample], rng: random.Random) -> Iterator[Sample]:
    questions, images = SIZES[name]
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(3, 9))) for _ in range(WORDS)]
    for number in range(questions):
        sample = bundled[number % len(bundled)]
        image = number // 2 if name == "mme" else number % images
        changes = {"question_id": str(rng.randrange(10**9)), "cluster": f"n{7919 * image}"}
        if name == "gqa" and sample.groups["structural"] == "query":
            group = rng.randrange(GROUPS)
            answer = words[group * (WORDS // GROUPS) + min(int(rng.expovariate(0.4)), 17)]
            facts = {**sample.facts, "global": f"group-{group}"}
            yield replace(sample, **changes, target=answer, facts=facts)  # type: ignore[arg-type]
        else:
            yield replace(sample, **changes)  # type: ignore[arg-type]


def _response(sample: Sample, rng: random.Random) -> Response:
    other = {"yes": "no", "no": "yes"}.get(str(sample.target), f"not {sample.target}")
    text = str(sample.target) if rng.random() < 0.8 else other
    return Response(sample.question_id, text, "stop", 2)


if __name__ == "__main__":
    main()
