"""What LLaVA-Bench's judge is asked: to compare an answer with GPT-4's, which saw a description."""

from __future__ import annotations

from lvlm_eval import facts
from lvlm_eval.schema import Prompt, Response, Sample

_RULE = (
    "We would like to request your feedback on the performance of two AI assistants in response to "
    "the user question displayed above. The user asks the question on observing an image. For your "
    "reference, the visual content in the image is represented with a few sentences describing the "
    "image. \nPlease rate the helpfulness, relevance, accuracy, level of details of their "
    "responses. Each assistant receives an overall score on a scale of 1 to 10, where a higher "
    "score indicates better overall performance.\nPlease first output a single line containing "
    "only two values indicating the scores for Assistant 1 and 2, respectively. The two scores are "
    "separated by a space.\nIn the subsequent line, please provide a comprehensive explanation of "
    "your evaluation, avoiding any potential bias and ensuring that the order in which the "
    "responses were presented does not affect your judgment."
)


def judge(sample: Sample, response: Response) -> Prompt:
    """The text that LLaVA's review script sends; its rule is the same for the three categories."""
    parts = (
        ("Context", facts.text(sample, "context")),
        ("Question", sample.prompt.text),
        ("Assistant 1", f"{facts.target_text(sample)}\n\n[End of Assistant 1]"),
        ("Assistant 2", f"{response.text}\n\n[End of Assistant 2]"),
        ("System", _RULE),
    )
    return Prompt.user("".join(f"[{name}]\n{text}\n\n" for name, text in parts))


def scores(reply: str) -> tuple[float, float] | None:
    """The marks of the reference answer and of the model's: the reply's first line if it is two
    numbers, a comma counting as a space. Two spaces, also one behind, are one too many."""
    fields = reply.split("\n")[0].replace(",", " ").split(" ")
    if len(fields) != 2:
        return None
    try:
        return float(fields[0]), float(fields[1])
    except ValueError:
        return None
