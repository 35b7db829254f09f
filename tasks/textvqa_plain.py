"""TextVQA from the picture alone, without OCR tokens in the prompt: what lmms-eval asks by default.

Singh et al. 2019, arXiv 1904.08920. Data: TextVQA_0.5.1_val.json of the authors; pictures in
train_images/. Marked by M4C's evaluator. Not comparable with `textvqa`.
"""

from lvlm_eval.families.textvqa import samples_plain, textvqa_task

TASK = textvqa_task("textvqa_plain", "TextVQA val, picture alone (accuracy)", samples_plain)
