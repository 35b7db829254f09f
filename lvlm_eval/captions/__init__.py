"""Captioning metrics as pycocoevalcap has them: BLEU, ROUGE-L, CIDEr-D, and METEOR by its tool."""
