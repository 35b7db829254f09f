"""COCO captions: five people's sentences on each image of COCO val2014.

Chen et al. 2015, arXiv 1504.00325. Papers report the Karpathy test split, 5,000 of the 40,504
images: put its file dataset_coco.json beside the captions, and only these are asked.
"""

from __future__ import annotations

from lvlm_eval.data_hub import HubTable
from lvlm_eval.families.coco_layout import Hub, make_task

TASK = make_task(
    "coco_caption",
    "COCO captions (CIDEr)",
    file="captions_val2014.json",
    folders=("coco/val2014", "coco_caption/val2014"),
    hub=Hub(
        HubTable(
            repositories=("lmms-lab/COCO-Caption", "lmms-lab-encoder/COCO-Caption"),
            split="val",
            columns=("id", "answer", "file_name"),
        ),
        image_id="id",
        captions="answer",
        file_name="file_name",
    ),
    licence="CC BY 4.0 (captions); images of COCO under Flickr's terms",
    karpathy="dataset_coco.json",
)
