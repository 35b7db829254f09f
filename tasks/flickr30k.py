"""Flickr30k: captions of photographs of people and what they do, of the Karpathy test split.

Young et al. 2014; 1,000 images with five captions each. The Hub's collection has all 31,783 images
in its test split: a CIDEr over these is another figure.
"""

from __future__ import annotations

from lvlm_eval.data_hub import HubTable
from lvlm_eval.families.coco_layout import Hub, make_task

TASK = make_task(
    "flickr30k",
    "Flickr30k captions (CIDEr)",
    file="flickr30k_test_captions.json",
    folders=("flickr30k", "flickr30k/images", "flickr30k/flickr30k-images"),
    hub=Hub(
        HubTable(
            repositories=("lmms-lab/flickr30k", "lmms-lab-encoder/flickr30k"),
            split="test",
            columns=("caption", "filename"),
        ),
        captions="caption",
        file_name="filename",
    ),
    licence="annotations and images for research only, images under Flickr's terms",
)
