"""TextVQA with OCR tokens in the prompt: the figure of LLaVA-1.5's and MoE-LLaVA's tables.

Singh et al. 2019, arXiv 1904.08920. Data: TextVQA_0.5.1_val.json of the authors and LLaVA's
llava_textvqa_val_v051_ocr.jsonl; pictures in train_images/. Marked by M4C's evaluator.
"""

from lvlm_eval.families.textvqa import samples_with_tokens, textvqa_task

TASK = textvqa_task("textvqa", "TextVQA val, OCR tokens given (accuracy)", samples_with_tokens)
