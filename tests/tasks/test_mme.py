"""MME: hand-computed points, the release folder with and without LLaVA's file, broken files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lvlm_eval.certify import Vectors
from lvlm_eval.errors import DataError
from lvlm_eval.metrics import add_up
from lvlm_eval.predictions import read_predictions
from lvlm_eval.schema import JSON, Image, Prompt, Record, Response, Sample
from lvlm_eval.tasks.mme import TASK

Write = Callable[[Mapping[str, JSON]], Path]
Content = Callable[[Sequence[Sample]], list[JSON]]

RELEASE = "mme/MME_Benchmark_release_version"
ASKS = "Is it a cat?  Please answer yes or no.\tYes\nIs it a dog? Please answer yes or no.\tNo\n"
SUFFIX = "\nAnswer the question using a single word or phrase."


def image(category: str, name: str, *texts: str | None, variant: str = "official") -> list[Record]:
    """The two questions of an image, the first true, the second not; None is no answer."""
    records = []
    for line, (target, text) in enumerate(zip(("yes", "no"), texts, strict=True), start=1):
        if text is None:
            continue
        cluster = f"{category}/{name}"
        prompt = Prompt.user(Image(Path(name)))
        which = f"{cluster}#{line}"
        sample = Sample(which, prompt, target, groups={"category": category}, cluster=cluster)
        response = Response(which, text, "stop")
        records.append(Record(sample, response, TASK.variants[variant].score(sample, response)))
    return records


def metrics(*images: list[Record]) -> dict[str, float]:
    return TASK.scorer.finish(add_up(TASK.scorer.tally(records) for records in images))


def test_points_of_two_categories_add_up_each_with_its_own_share_of_pairs() -> None:
    found = metrics(
        image("count", "a", "Yes", "No"),
        image("count", "b", "Yes", "Yes"),
        image("count", "c", "The answer is yes", "It is no cat"),
        image("OCR", "a", "No", "No"),
        image("code_reasoning", "a", "Yes", "No"),
    )
    assert found == pytest.approx(
        {
            "count/acc": 3 / 6,
            "count/acc_plus": 1 / 3,
            "count/score": 50 + 100 / 3,
            "OCR/acc": 1 / 2,
            "OCR/acc_plus": 0,
            "OCR/score": 50,
            "perception": 100 + 100 / 3,
            "code_reasoning/acc": 1,
            "code_reasoning/acc_plus": 1,
            "code_reasoning/score": 200,
            "cognition": 200,
            "lenient/perception": 100 * 5 / 6 + 100 * 2 / 3 + 50,
            "lenient/cognition": 200,
        }
    )


def test_an_image_with_one_answer_missing_leaves_the_pairs_but_not_the_accuracy() -> None:
    found = metrics(image("count", "a", "yes", "no"), image("count", "b", "no", None))
    assert found["count/acc"] == pytest.approx(2 / 3)
    assert found["count/acc_plus"] == 1
    alone = metrics(image("count", "b", None, "no"))
    assert alone["count/acc"] == 1
    assert math.isnan(alone["count/score"]) and math.isnan(alone["perception"])


def test_precision_and_recall_are_over_the_readable_answers_only() -> None:
    records = [*image("count", "a", "yes", "maybe"), *image("count", "b", "maybe", "yes")]
    printed = TASK.scorer.official(records)["metrics"]
    assert isinstance(printed, Mapping) and isinstance(printed["detail"], Mapping)
    assert printed["detail"]["count"] == {
        "TP": 1, "FN": 0, "TN": 0, "FP": 1,
        "precision": 0.5, "recall": 1.0, "other_num": 2, "acc": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "official", "stripped", "anywhere"),
    [
        ("Yes.", "yes", "yes", "yes"),
        ("   yes", None, "yes", "yes"),
        ("none", "no", "no", None),
        ("y", None, "yes", None),
        ("N.", None, "no", None),
        ("It is not", None, None, None),
        ("I say yes", None, None, "yes"),
        ("yes and no", "yes", "yes", None),
        ("", None, None, None),
    ],
)
def test_each_variant_reads_an_answer_by_its_own_rule(
    text: str, official: str | None, stripped: str | None, anywhere: str | None
) -> None:
    variants = ("official", "lmms_eval", "vlmevalkit_exact_matching")
    read = [image("count", "a", text, None, variant=v)[0].score.answer for v in variants]
    assert read == [official, stripped, anywhere]


def test_both_layouts_give_identical_samples(
    vectors: Callable[[str], Vectors],
    official: Callable[[str], Path],
    write: Write,
    content: Content,
) -> None:
    llava = write({f"MME/{name}": files for name, files in vectors("mme").annotations.items()})
    samples = list(TASK.samples(llava))
    assert content(samples) == content(list(TASK.samples(official("mme"))))
    assert samples[0].question_id == "existence/000000000005.png#1"


def test_the_release_alone_gives_the_same_questions_worded_in_llavas_manner(write: Write) -> None:
    root = write({f"{RELEASE}/count/0001.txt": ASKS, f"{RELEASE}/count/0001.png": ""})
    first, second = TASK.samples(root)
    assert first.question_id == "count/0001.png#1"
    assert first.prompt.text == "Is it a cat?" + SUFFIX
    assert (first.target, second.target) == ("yes", "no")
    assert first.prompt.images[0].path == root / RELEASE / "count/0001.png"
    assert (first.cluster, first.groups) == ("count/0001.png", {"category": "count"})


def test_an_image_that_does_not_lie_there_has_the_ending_that_the_release_gives(
    write: Write,
) -> None:
    root = write({f"{RELEASE}/code_reasoning/1.txt": ASKS, f"{RELEASE}/posters/1.txt": ASKS})
    names = {sample.cluster for sample in TASK.samples(root)}
    assert names == {"posters/1.jpg", "code_reasoning/1.png"}


def test_the_folder_of_questions_beside_the_folder_of_images_is_found(write: Write) -> None:
    folder = f"{RELEASE}/artwork"
    root = write({f"{folder}/questions_answers_YN/7.txt": ASKS, f"{folder}/images/7.jpg": ""})
    first, _ = TASK.samples(root)
    assert first.question_id == "artwork/7.jpg#1"
    assert first.prompt.images[0].path == root / folder / "images/7.jpg"


def llava_row(image: str, text: str) -> dict[str, JSON]:
    category = image.split("/", 1)[0]
    return {"question_id": image, "image": image, "text": text, "category": category}


def test_llavas_wording_is_joined_by_text_with_one_blank_or_two(write: Write) -> None:
    rows: list[JSON] = [
        llava_row("artwork/images/7.png", "Is it a dog? Please answer yes or no." + SUFFIX),
        llava_row("artwork/images/7.png", "Is it a cat?" + SUFFIX),
    ]
    root = write({f"{RELEASE}/artwork/7.txt": ASKS, "mme/llava_mme.jsonl": rows})
    cat, dog = TASK.samples(root)
    assert cat.question_id == "artwork/7.png#1"
    assert cat.aliases == ("artwork/images/7.png", "artwork/images/7.png#1")
    assert cat.prompt.text == "Is it a cat?" + SUFFIX
    assert dog.prompt.text == "Is it a dog? Please answer yes or no." + SUFFIX
    assert (cat.target, dog.target) == ("yes", "no")


def test_answers_by_llavas_repeated_id_go_to_the_question_that_their_prompt_names(
    write: Write,
) -> None:
    rows: list[JSON] = [
        llava_row("artwork/images/7.png", q + SUFFIX) for q in ("Is it a dog?", "Is it a cat?")
    ]
    files = {f"{RELEASE}/artwork/7.txt": ASKS, "mme/llava_mme.jsonl": rows}
    answers: list[JSON] = [
        {"question_id": "artwork/images/7.png", "prompt": f"Is it a {pet}?{SUFFIX}", "text": pet}
        for pet in ("dog", "cat")
    ]
    root = write({**files, "answers.jsonl": answers})
    read = read_predictions(root / "answers.jsonl", list(TASK.samples(root)))
    assert {answer.question_id: answer.text for answer in read} == {
        "artwork/7.png#1": "cat",
        "artwork/7.png#2": "dog",
    }


def test_with_llavas_file_alone_nothing_can_be_marked_but_all_be_asked(
    vectors: Callable[[str], Vectors], official: Callable[[str], Path], write: Write
) -> None:
    rows = vectors("mme").annotations["llava_mme.jsonl"]
    samples = {s.question_id: s for s in TASK.samples(write({"MME/llava_mme.jsonl": rows}))}
    full = {s.question_id: s for s in TASK.samples(official("mme"))}
    assert {k: s.prompt.text for k, s in samples.items()} == {
        k: s.prompt.text for k, s in full.items()
    }
    assert all(sample.target is None for sample in samples.values())


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"count/1.txt": "Is it?\tYes\n"}, "1.txt: must have two questions, .* has 1"),
        ({"count/1.txt": "Is it?\tYes\nIs it not\n"}, "1.txt:2: must be a question, a tab and Yes"),
        ({"count/1.txt": "Is it?\tPerhaps\nIs it?\tNo"}, "1.txt:1: .* got 'Is it.*Perhaps'"),
    ],
)
def test_a_broken_release_file_is_named(
    write: Write, files: Mapping[str, str], complaint: str
) -> None:
    root = write({f"{RELEASE}/{name}": text for name, text in files.items()})
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(root))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([llava_row("count/1.png", "Is it a bird?")], "jsonl:1: the release has no question"),
        ([llava_row("count/1.png", "Is it a cat?")] * 2, "jsonl:2: asks .* a second time"),
        ([llava_row("count/../1.png", "Is it a cat?")], "jsonl:1: path .* leaves"),
        ([llava_row("count", "Is it a cat?")], "jsonl:1: 'image' must be <category>/<file>"),
    ],
)
def test_a_row_of_llavas_file_that_does_not_fit_is_named(
    write: Write, rows: list[JSON], complaint: str
) -> None:
    root = write({f"{RELEASE}/count/1.txt": ASKS, "mme/llava_mme.jsonl": rows})
    with pytest.raises(DataError, match=complaint):
        list(TASK.samples(root))
