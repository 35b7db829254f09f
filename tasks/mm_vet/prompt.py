"""What MM-Vet's judge is asked: seven marked examples, then the answer to be marked."""

from __future__ import annotations

from lvlm_eval import facts
from lvlm_eval.schema import Prompt, Response, Sample

_TASK = (
    "Compare the ground truth and prediction from AI models, to give a correctness score for the "
    "prediction. <AND> in the ground truth means it is totally right only when all elements in the "
    "ground truth are present in the prediction, and <OR> means it is totally right when any one "
    "element in the ground truth is present in the prediction. The correctness score is 0.0 "
    "(totally wrong), 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, or 1.0 (totally right). Just "
    "complete the last space of the correctness score."
)
_EQUATION = ("What is x in the equation?", "-1 <AND> -5")
_ICELAND = (
    "This meme is poking fun at the fact that the names of the countries Iceland and Greenland are "
    "misleading. Despite its name, Iceland is known for its beautiful green landscapes, while "
    "Greenland is mostly covered in ice and snow. The meme is saying that the person has trust "
    "issues because the names of these countries do not accurately represent their landscapes."
)
_MEME = ("Can you explain this meme?", _ICELAND)
_SHORT = (
    "The meme talks about Iceland and Greenland. It's pointing out that despite their names, "
    "Iceland is not very icy and Greenland isn't very green."
)
_LONG = (
    "The meme is using humor to point out the misleading nature of Iceland's and Greenland's "
    "names. Iceland, despite its name, has lush green landscapes while Greenland is mostly "
    "covered in ice and snow. The text 'This is why I have trust issues' is a playful way to "
    "suggest that these contradictions can lead to distrust or confusion. The humor in this "
    "meme is derived from the unexpected contrast between the names of the countries and their "
    "actual physical characteristics."
)
_EXAMPLES = (
    (*_EQUATION, "x = 3", "0.0"),
    (*_EQUATION, "x = -1", "0.5"),
    (*_EQUATION, "x = -5", "0.5"),
    (*_EQUATION, "x = -5 or 5", "0.5"),
    (*_EQUATION, "x = -1 or x = -5", "1.0"),
    (*_MEME, _SHORT, "0.4"),
    (*_MEME, _LONG, "1.0"),
)


def judge(sample: Sample, response: Response) -> Prompt:
    """The text that the authors' evaluator sends, once for each run."""
    truth = facts.target_text(sample).replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    head = ("Question | Ground truth | Prediction | Correctness", "--- | --- | --- | ---")
    rows = [" | ".join(example) for example in _EXAMPLES]
    last = " | ".join((sample.prompt.text, truth, response.text, ""))
    return Prompt.user("\n".join((f"{_TASK}\n", *head, *rows, "", last)))
