"""nocaps: captions of objects that COCO's captions never name, ten to each Open Images photograph.

Agrawal et al. 2019, arXiv 1812.08658; the validation set, since the server keeps the test's. Each
domain is marked on its own too, with a CIDEr that asks of that domain's captions what is rare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from lvlm_eval.data import Row
from lvlm_eval.data_hub import HubTable
from lvlm_eval.errors import DataError
from lvlm_eval.families.caption import measured, score_in
from lvlm_eval.families.coco_layout import Hub, make_task

DOMAINS = ("in-domain", "near-domain", "out-domain")


def domain(row: Row) -> Mapping[str, str]:
    """How far the image's objects are from COCO's."""
    field = "image_domain" if "image_domain" in row.values else "domain"
    name = row.text(field)
    if name not in DOMAINS:
        raise DataError(f"{row.origin}: 'domain' must be one of {', '.join(DOMAINS)}, got {name!r}")
    return {"domain": name}


_WHOLE = make_task(
    "nocaps",
    "nocaps validation (CIDEr)",
    file="nocaps_val_4500_captions.json",
    folders=("nocaps/images", "nocaps/val", "nocaps"),
    hub=Hub(
        HubTable(
            repositories=("lmms-lab/NoCaps", "lmms-lab-encoder/NoCaps"),
            split="validation",
            columns=("image_id", "annotations_captions", "image_domain", "image_file_name"),
        ),
        image_id="image_id",
        captions="annotations_captions",
        file_name="image_file_name",
    ),
    licence="CC BY 2.0",
    groups=domain,
)
TASK = replace(
    _WHOLE,
    prepare=partial(measured, axis="domain"),
    variants={
        **_WHOLE.variants,
        **{
            f"official_{name}": replace(score_in(name), why=f"{name} images alone")
            for name in DOMAINS
        },
    },
)
