"""MMBench in Chinese: the same questions, translated, in circular evaluation.

Liu et al. 2023, arXiv 2307.06281. LLaVA-1.5's table stands on dev 20231003, of 4,329 rows, marked
on the authors' server, where a judge reads what the rules leave open.
"""

from __future__ import annotations

from lvlm_eval.families.mmbench import Collection, edition, hub_table, make_tasks
from lvlm_eval.prompts import OPTION_LETTER_CN

_FOLDERS = ("mmbench_cn", "mmbench")

TASK, SPLITS = make_tasks(
    Collection(
        name="mmbench_cn",
        title="MMBench in Chinese",
        suffix=OPTION_LETTER_CN,
        editions={
            "dev_20231003": edition(
                _FOLDERS,
                ("mmbench_dev_cn_20231003.tsv", "MMBench_DEV_CN.tsv"),
                hub_table("cn", "dev"),
            ),
            "test_20231003": edition(
                _FOLDERS,
                ("mmbench_test_cn_20231003.tsv", "MMBench_TEST_CN.tsv"),
                hub_table("cn", "test"),
            ),
        },
    )
)
