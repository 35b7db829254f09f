"""Questions dealt out in portions."""

from collections.abc import Sequence

from lvlm_eval.portions import LARGEST, SMALLEST, divide
from lvlm_eval.schema import Prompt, Sample


def samples(clusters: int, each: int = 3) -> list[Sample]:
    """Questions on pictures, all first questions first, as POPE's splits come."""
    return [
        Sample(f"{c}-{q}", Prompt.user("?"), None, cluster=str(c))
        for q in range(each)
        for c in range(clusters)
    ]


def sizes(wanted: dict[tuple[int, int], Sequence[Sample]], workers: int) -> list[int]:
    return [len(portion.ids) for portion in divide(wanted, workers)]


def test_every_question_is_in_one_portion_and_those_on_a_picture_are_together() -> None:
    portions = divide({(0, 0): samples(100), (0, 1): samples(7), (1, 0): samples(50)}, 2)
    for place, clusters in (((0, 0), 100), ((0, 1), 7), ((1, 0), 50)):
        dealt = [p.ids for p in portions if (p.model, p.task) == place]
        everything = [question for ids in dealt for question in ids]
        assert sorted(everything) == sorted(s.question_id for s in samples(clusters))
        for ids in dealt:
            pictures = {question.partition("-")[0] for question in ids}
            assert len(ids) == 3 * len(pictures)
    order = [(p.model, p.task) for p in portions]
    assert order == sorted(order)


def test_portions_shrink_as_less_is_left() -> None:
    assert sizes({(0, 0): samples(10, 1)}, 2) == [2, 2, 1, 1, 1, 1, 1, 1]
    few = sizes({(0, 0): samples(4_000, 1)}, 4)
    assert few[:3] == [500, 437, 382]
    assert few[-2] == SMALLEST
    assert few[:-1] == sorted(few[:-1], reverse=True)


def test_portions_are_not_larger_than_what_an_engine_looks_at_together() -> None:
    many = sizes({(0, 0): samples(200_000, 1)}, 2)
    assert many[0] == LARGEST
    assert sum(many) == 200_000


def test_nothing_wanted_makes_no_portion() -> None:
    assert divide({(0, 0): [], (0, 1): []}, 2) == []
