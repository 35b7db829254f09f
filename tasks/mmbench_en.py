"""MMBench in English: twenty abilities by multiple choice, in circular evaluation.

Liu et al. 2023, arXiv 2307.06281. LLaVA-1.5's and MoE-LLaVA's tables stand on dev 20230712, of
4,377 rows, marked on the authors' server, where a judge reads what the rules leave open.
"""

from __future__ import annotations

from lvlm_eval.families.mmbench import Collection, edition, hub_table, make_tasks
from lvlm_eval.prompts import OPTION_LETTER

_FOLDERS = ("mmbench_en", "mmbench")

TASK, SPLITS = make_tasks(
    Collection(
        name="mmbench_en",
        title="MMBench in English",
        suffix=OPTION_LETTER,
        editions={
            "dev_20230712": edition(_FOLDERS, ("mmbench_dev_20230712.tsv",)),
            "dev_20231003": edition(
                _FOLDERS,
                ("mmbench_dev_en_20231003.tsv", "MMBench_DEV_EN.tsv"),
                hub_table("en", "dev"),
            ),
            "test_20230712": edition(_FOLDERS, ("mmbench_test_20230712.tsv",)),
            "test_20231003": edition(
                _FOLDERS,
                ("mmbench_test_en_20231003.tsv", "MMBench_TEST_EN.tsv"),
                hub_table("en", "test"),
            ),
        },
    )
)
