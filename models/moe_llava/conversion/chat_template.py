"""A conversation's template in Jinja: what chat.py writes, for transformers' processors.

The beginning of a text is left to the tokenizer, as in the LLaVA checkpoints on the hub: after a
written `<s>` its sentencepiece would split the first word otherwise.
"""

from __future__ import annotations

import json
import re

from ..chat import Template, marks

CHAT_TEMPLATE = "chat_template.jinja"
# Upper case stands for a text of the template's. A line break follows a picture that leads a turn.
_JINJA = """\
{%- macro written(content) -%}
  {%- set turn = namespace(leading=true) -%}
  {%- for part in ([{"type": "text", "text": content}] if content is string else content) -%}
    {%- if part["type"] == "image" -%}
      {{- BEFORE + "<image>" + AFTER + ("\\n" if turn.leading else "") -}}
    {%- else -%}
      {{- part["text"] -}}
      {%- set turn.leading = turn.leading and not part["text"] -%}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro -%}
{%- set own = messages[0]["role"] == "system" -%}
{{- OPENED + (written(messages[0]["content"]) if own else SYSTEM) + BEGUN -}}
{%- for message in (messages[1:] if own else messages) -%}
  {%- if message["role"] == "user" -%}
    {{- ("" if loop.first else AGAIN) + USER + written(message["content"]) + UEND -}}
  {%- else -%}
    {{- ASSISTANT + GAP + written(message["content"]) + AEND -}}
  {%- endif -%}
{%- endfor -%}
{{- ASSISTANT if add_generation_prompt else "" -}}
"""


def jinja_of(template: Template, start_end: bool) -> str:
    """The template's Jinja. start_end: pictures stand between two marks."""
    opened, begun = template.opening.split("{system}")
    before, after = marks(start_end)
    texts = {
        "BEFORE": before,
        "AFTER": after,
        "OPENED": opened,
        "SYSTEM": template.system,
        "BEGUN": begun,
        "AGAIN": template.again,
        "USER": template.user,
        "UEND": template.user_end,
        "ASSISTANT": template.assistant,
        "GAP": template.gap,
        "AEND": template.end,
    }
    return re.sub(r"\b[A-Z]{3,}\b", lambda name: json.dumps(texts[name[0]]), _JINJA)
