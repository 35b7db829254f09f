"""Answers as models give them, drawn at random with a seed: for comparing two readers of a rule."""

import random
from collections.abc import Iterator, Mapping

SAID = (
    "{}", "({})", "{}.", "{})", " {} ", "{}, I think", "**{}**", "The answer is {}.", "Answer: {}",
    "Answer: ({})", "the correct answer is ({})", "The best answer is {}", "The answer {}",
    "option {}", "I would say {} or {}", "({}) and ({})", "It is not {}, it is {} ",
    "{}: because it is so", "First {}. Then {} .", "Answer: {} or {}", "answer is: {}, not ({}).",
)  # fmt: skip
WORDS = (
    "a dog", "none of these", "I cannot see that in this picture at all, sorry", "Both", "yes",
    "no", "No, there is not.", "Yes!", "maybe", "not sure", "", " ", "?", "'", "A and B are here",
    "the one on the left seems to be the right one of them", "an eagle", "Error",
)  # fmt: skip
ENDS = ("", "", "", ".", "!", "\n", "'", ";", "?.", " ...", "\n\nAnswer: ", "because", ")")


def answers(options: Mapping[str, str], count: int, seed: int) -> Iterator[str]:
    """So many answers about the options: letters, texts and other words, in many manners."""
    draw = random.Random(seed)
    letters = [*options, *map(str.lower, options), "E", "F"]
    for _ in range(count):
        kind = draw.random()
        if kind < 0.6:
            form = draw.choice(SAID)
            text = form.format(*(draw.choice(letters) for _ in range(2)))
        elif kind < 0.8:
            text = draw.choice(SAID).format(
                *(draw.choice(list(options.values())) for _ in range(2))
            )
        else:
            text = " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 3)))
        before = draw.choice(("", "", "", "Well, ", "I see it.\n", "So "))
        yield before + text + draw.choice(ENDS)
