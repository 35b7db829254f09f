"""What a task's YAML may say; an unknown key, or a value of the wrong kind, is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lvlm_eval.data import read_text
from lvlm_eval.errors import UsageError

Family: TypeAlias = Literal["choice", "yes_no", "short_answer"]
AnswerIs: TypeAlias = Literal["letter", "index", "position", "text"]

# What a field is called in the tables and question files that need no declaration.
TSV_FIELDS: Mapping[str, str | list[str]] = {
    "id": "index", "image": "image", "question": "question", "hint": "hint",
    "options": ["A", "B", "C", "D", "E", "F", "G", "H"], "answer": "answer",
}  # fmt: skip
LLAVA_FIELDS: Mapping[str, str | list[str]] = {
    "id": "question_id", "image": "image", "question": "text", "options": "options",
    "answer": "answer", "hint": "hint",
}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fields(_Strict):
    """Columns: which holds what. Several for `image` and `options`; "" where there is none."""

    id: str = ""
    image: str | list[str] = ""
    question: str = ""
    hint: str = ""
    options: str | list[str] = ""
    answer: str = ""
    cluster: str = ""


class Source(_Strict):
    """One place where the data may be; of tsv, jsonl, json and hub exactly one is given.

    tsv, jsonl, json: a file in the task's folder or right in the data root; `under`: of a JSON
             object the key of the list.
    hub:     a data set's name (several: it moved); of it `split` and `config` (several: one after
             the other); `known`: the revision that has these columns.
    folder:  of picture files, where cells hold their names; relative to the task's folder, or to
             the data root for a collection that several tasks share.
    fields, breakdown, answer_is: in what this place differs from the declaration.
    """

    tsv: str = ""
    jsonl: str = ""
    json_file: str = Field(default="", alias="json")
    under: str = ""
    hub: str | list[str] = ""
    split: str = "test"
    config: str | list[str] = "default"
    known: str = ""
    folder: str = ""
    fields: dict[str, str | list[str]] = {}
    breakdown: dict[str, str] = {}
    answer_is: AnswerIs | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Source:
        if sum(map(bool, (self.tsv, self.jsonl, self.json_file, self.hub))) != 1:
            raise ValueError("give exactly one of tsv, jsonl, json, hub")
        return self

    @field_validator("fields")
    @classmethod
    def _known_fields(cls, value: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        unknown = sorted(set(value) - set(Fields.model_fields))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no field; {', '.join(Fields.model_fields)} are")
        return value

    @property
    def configs(self) -> list[str]:
        """The configurations of a Hub data set, in order."""
        return [self.config] if isinstance(self.config, str) else self.config


class Declaration(_Strict):
    """A task: where its data are, what its columns hold, and how answers are read and counted.

    breakdown: columns whose values get a figure each, or {axis: column}.
    headline:  accuracy; `mean of AXIS`, the mean of an axis' figures; `together`, the share of
               groups (`together`: a column) of which every question is right.
    letters:   those that every question offers, where its own text lists the options.
    read:      the reader's name, of the family's; "" is the family's own.
    placeholder: what stands in the text where a picture belongs, `{n}` for its number, where it
               has one; without any pictures come first.
    prompt:    {question}, {options}, {choices} (without letters), {hint} and {COLUMN} are filled
               in; "" is LLaVA's prompt.
    """

    title: str
    licence: str
    family: Family
    data: list[Source]
    fields: Fields = Fields()
    paper: str = ""
    breakdown: dict[str, str] = {}
    headline: str = "accuracy"
    together: str = ""
    read: str = ""
    answer_is: AnswerIs = "letter"
    letters: str = ""
    prompt: str = ""
    placeholder: str = ""
    max_new_tokens: int = Field(default=128, ge=1)
    version: int = 1
    assurance: Literal["declared", "checked"] = "declared"

    @field_validator("data", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return value if isinstance(value, list) else [value]

    @field_validator("breakdown", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return {name: name for name in value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _headline(self) -> Declaration:
        axis = self.headline.removeprefix("mean of ")
        if self.headline == "together" and not self.together:
            raise ValueError("headline together needs `together`: the column that groups questions")
        if self.headline.startswith("mean of ") and axis not in self.breakdown:
            raise ValueError(f"headline {self.headline!r}: {axis!r} is not in breakdown")
        return self


def read_declaration(file: Path) -> Declaration:
    """The declaration that the file holds; UsageError names the file and the key."""
    try:
        content = yaml.safe_load(read_text(file))
    except yaml.YAMLError as error:
        raise UsageError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file}: must be an object of keys like title, licence, family, data")
    try:
        return Declaration.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise UsageError(f"{file}: {key}: {first['msg']}") from None
