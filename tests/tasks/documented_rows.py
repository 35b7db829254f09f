"""A row of each declared benchmark as its authors or its Hub card document it, made up otherwise.

PICTURE stands for an embedded picture, NAMED for the name of a picture file, BASE64 for a picture
that the Hub's data set holds as text. Rows have columns that are not read, too.
"""

from collections.abc import Mapping
from typing import Any

PICTURE, NAMED, BASE64 = object(), "pictures/one.png", object()

Row = Mapping[str, Any]

FOUR: Row = {"A": "red", "B": "green", "C": "blue", "D": "grey"}
TABLE: Row = {
    "index": 7, "image": PICTURE, "question": "Which colour?", **FOUR, "answer": "B",
    "category": "colour", "l2-category": "attribute", "split": "val",
}  # fmt: skip
REAL_WORLD: Row = {
    "index": 7, "question": "Which colour?", "answer": "B", "category": "Perception/Remote Sensing",
    "multi-choice options": "['(A) red', '(B) green', '(C) blue', '(D) grey', '(E) none']",
    "l2-category": "color",
}  # fmt: skip
MMMU_PRO: Row = {
    "id": "test_Art_7", "question": "What is <image 1> beside <image 2>?", "answer": "B",
    "options": "['red', '<image 2>', 'blue']", "explanation": "", "image_1": PICTURE,
    "image_2": PICTURE, **{f"image_{i}": None for i in range(3, 8)}, "subject": "Art",
    "img_type": "['Paintings']", "topic_difficulty": "Easy",
}  # fmt: skip

# By task: the kind of the place in the declaration, and a row of it.
ROWS: Mapping[str, list[tuple[str, Row]]] = {
    "blink": [
        ("tsv", TABLE),
        ("hub", {
            "idx": "val_Counting_1", "sub_task": "Counting", "question": "How many?",
            "prompt": "How many?\n(A) 1\n(B) 2", "choices": ["1", "2"], "answer": "(B)",
            "explanation": "", "image_1": PICTURE, "image_2": PICTURE, "image_3": None,
            "image_4": None,
        }),
    ],
    "cv_bench": [("hub", {
        "idx": 7, "type": "2D", "task": "Count", "image": PICTURE, "question": "How many?",
        "choices": ["1", "2"], "answer": "(B)", "prompt": "How many?\n(A) 1\n(B) 2",
        "filename": "img/2D/count/ade20k_10.png", "source": "ADE20K", "source_dataset": "ADE20K",
        "source_filename": "ADE_val_00000248.jpg",
    })],
    "embspatial": [("hub", {
        "question_id": "mp3d_0", "question": "Where is it?", "image": PICTURE, "answer": 1,
        "answer_options": ["above", "below"], "relation": "vertical", "data_source": "mp3d",
        "question_type": "spatial",
    })],
    "countbench": [("hub", {
        "image": PICTURE, "text": "two cats", "question": "How many cats?", "number": 2,
    })],
    **{
        name: [
            ("tsv", {**REAL_WORLD, "image": PICTURE, **FOUR, "E": "none"}),
            ("hub", {**REAL_WORLD, "bytes": BASE64, "path": "one.png",
                     "multi-choice options": ["(A) red", "(B) green", "(C) blue"]}),
        ]
        for name in ("mme_realworld", "mme_realworld_cn", "mme_realworld_lite")
    },
    "mmmu_pro": [("hub", MMMU_PRO)],
    "mmmu_pro_4": [("hub", MMMU_PRO)],
    "mmmu_pro_vision": [("hub", {
        "id": "test_Art_7", "image": PICTURE, "options": "['red', 'green']", "answer": "B",
        "subject": "Art",
    })],
    "muirbench": [("hub", {
        "idx": "3", "task": "Counting", "image_relation": "Partial", "image_type": "Photography",
        "question": "Which of <image> and <image>?", "options": ["first", "second"],
        "answer": "B", "image_list": [PICTURE, PICTURE], "counterpart_idx": "4",
    })],
    "seed2_plus": [
        ("tsv", TABLE),
        ("hub", {
            "question_id": "7", "image": PICTURE, "question": "Which?", "choice_A": "red",
            "choice_B": "green", "choice_C": "blue", "choice_D": "grey", "answer": "B",
            "question_image_type": "chart", "question_image_subtype": "bar", "data_id": "1.png",
            "level": "L1", "subpart": "Single-Image",
        }),
    ],
    "q_bench": [
        ("tsv", TABLE),
        ("json", {
            "img_path": NAMED, "question": "How sharp?", "candidates": ["very", "hardly"],
            "correct_ans": "hardly", "type": 1, "concern": 0,
        }),
        ("hub", {
            "id": 7, "image": PICTURE, "question": "How sharp?", "option0": "very",
            "option1": "hardly", "option2": "N/A", "option3": "N/A", "question_type": 1,
            "question_concern": 0, "correct_choice": "B",
        }),
    ],
    **{
        f"hrbench_{side}": [
            ("tsv", {**TABLE, "cycle_category": 0}),
            ("tsv", {**TABLE, "cycle_category": 0}),
            ("hub", {**TABLE, "image": BASE64, "cycle_category": 0}),
        ]
        for side in ("4k", "8k")
    },
    "stvqa": [
        ("json", {
            "question_id": 7, "dataset": "coco-text", "file_path": NAMED, "file_name": "one.png",
            "question": "What is written?", "answers": ["STOP", "stop"], "set_name": "train",
        }),
        ("json", {
            "question_id": 7, "dataset": "coco-text", "file_path": NAMED, "file_name": "one.png",
            "question": "What is written?", "answers": ["STOP"], "set_name": "test",
        }),
    ],
    "vstar": [
        ("jsonl", {
            "image": NAMED, "text": "Which colour?\n(A) red\n(B) green\nAnswer with the letter.",
            "category": "direct_attributes", "label": "B", "question_id": 7,
        }),
        ("hub", {
            "image": PICTURE, "text": "Which colour?\n(A) red\n(B) green", "label": "B",
            "category": "direct_attributes", "question_id": "7",
        }),
    ],
    "vsr": [("jsonl", {
        "image": NAMED, "image_link": "", "caption": "The cat is on the mat.", "label": 1,
        "relation": "on", "annotator_id": 1, "vote_true_validator_id": [],
    })],
    "ccbench": [("tsv", TABLE), ("hub", {**TABLE, "index": 7})],
    **{
        name: [("tsv", TABLE)]
        for name in ("a_bench", "mmt_bench", "srbench_3d", "crpe_relation", "crpe_exist",
                     "aesbench", "worldmedqa")
    },
    "mmbench_ru": [("tsv", TABLE), ("hub", TABLE)],
    "k_mmbench": [("tsv", TABLE), ("hub", TABLE)],
    "k_dtcbench": [
        ("tsv", TABLE),
        ("hub", {
            "index": "7", "image": PICTURE, "question": "Which?", "answer": "B",
            "choice_a": "red", "choice_b": "green", "choice_c": "blue", "choice_d": "grey",
            "category": "document",
        }),
    ],
}  # fmt: skip
