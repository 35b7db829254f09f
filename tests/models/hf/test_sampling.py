"""Which token comes next, and where an answer ends."""

import pytest
import torch

from lvlm_eval.models.hf.sampling import Answer, Draws, Ends
from lvlm_eval.schema import Decoding


def text_of(ids: object) -> str:
    return "".join(chr(96 + place) for place in ids)  # type: ignore[attr-defined]


def test_each_answer_ends_for_its_own_reason_and_keeps_what_it_had() -> None:
    ends = Ends(2, frozenset({9}), Decoding(max_new_tokens=3, stop=("cb",)), text_of)
    steps = [[0, 0, 0], [1, 3, 9], [2, 2, 7], [3, 5, 7]]
    over = []
    for length in range(2, 5):
        ids = torch.tensor([[8, 8, *column[: length - 1]] for column in zip(*steps[1:])])  # noqa: B905
        over.append(ends(ids, torch.zeros(3, 10)).tolist())
    assert over == [[False, False, True], [False, True, True], [True, True, True]]
    assert ends.answers == {
        0: Answer((1, 2, 3), "length"),
        1: Answer((3, 2), "stop"),
        2: Answer((9,), "stop"),
    }


def test_what_is_drawn_follows_the_probabilities() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    draws = Draws.of(Decoding(temperature=1.0, seed=1), ["q"])
    counts = sum(draws(torch.zeros(1, 1), logits).isfinite().long()[0] for _ in range(4000))
    assert (torch.as_tensor(counts) / 4000).tolist() == pytest.approx(
        [0.5, 0.3, 0.15, 0.05], abs=0.03
    )


def test_top_p_keeps_the_fewest_tokens_that_reach_it() -> None:
    logits = torch.tensor([[0.05, 0.5, 0.15, 0.3]]).log()
    draws = Draws.of(Decoding(temperature=1.0, top_p=0.7, seed=1), ["q"])
    drawn = {int(draws(torch.zeros(1, 1), logits).argmax()) for _ in range(200)}
    assert drawn == {1, 3}


def test_draws_depend_on_seed_and_question_and_no_other_row() -> None:
    logits = torch.zeros(1, 1000)

    def first(seed: int, *names: str) -> list[int]:
        draws = Draws.of(Decoding(temperature=1.0, seed=seed), names)
        return draws(torch.zeros(1, 1), logits.expand(len(names), -1)).argmax(dim=-1).tolist()

    a, b = first(1, "a"), first(1, "b")
    assert first(1, "b", "a") == [*b, *a]
    assert first(2, "a") != a != b
