"""MoE-tuning: training of the kind that made the published checkpoints."""
