"""Local copies of the Hub's data sets: which files, which rows, pictures in their place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest
from huggingface_hub import constants

from lvlm_eval.data_hub import HubTable, read_hub
from lvlm_eval.errors import DataError, MissingData
from lvlm_eval.images import image_bytes

from .test_images import picture

TABLE = HubTable(("org/set",), "test", ("id", "choices"), known="as of 2024-05")
ONE, TWO = picture("PNG"), picture("JPEG")


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """As the `datasets` library writes a split."""
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "choices": [datasets.Value("string")],
            "image": datasets.Image(),
            "pictures": [datasets.Image()],
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_list(list(rows), features=features).to_parquet(path)
    return path


def row(number: int, image: bytes | None = ONE, *pictures: bytes) -> dict[str, Any]:
    return {
        "id": number,
        "choices": ["a", "b"],
        "image": image and {"bytes": image, "path": f"folder/{number}.png"},
        "pictures": [{"bytes": one, "path": None} for one in pictures],
    }


@pytest.fixture(autouse=True)
def quiet() -> None:
    datasets.disable_progress_bar()


def test_rows_come_with_their_places_and_pictures(tmp_path: Path) -> None:
    write(tmp_path / "t/data/test-00000-of-00002.parquet", [row(1), row(2, None)])
    write(tmp_path / "t/data/test-00001-of-00002.parquet", [row(3, TWO)])
    write(tmp_path / "t/data/train-00000-of-00001.parquet", [row(4)])
    first, second, third = read_hub(tmp_path, "t", TABLE)
    assert [r.integer("id") for r in (first, second, third)] == [1, 2, 3]
    assert first.texts("choices") == ["a", "b"]
    assert second.origin.endswith("test-00000-of-00002.parquet:2")
    assert second.images("image") == ()
    assert (image_bytes(first.image()), image_bytes(third.image())) == (ONE, TWO)
    assert third.image().name == "3.png"


def test_lists_of_pictures_keep_their_order(tmp_path: Path) -> None:
    write(tmp_path / "t/test.parquet", [row(1, None), row(2, None, ONE, TWO), row(3, None, TWO)])
    table = HubTable(("org/set",), "test", ("id",), ("pictures",))
    none, two, one = read_hub(tmp_path, "t", table)
    assert none.images("pictures") == ()
    assert [image_bytes(image) for image in two.images("pictures")] == [ONE, TWO]
    assert image_bytes(one.image("pictures")) == TWO


def test_pictures_are_found_in_every_row_group(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t/test.parquet", [row(i, picture("PNG", size=(i, 3))) for i in range(1, 8)]
    )
    rows = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    rows.cast_column("image", datasets.Image(decode=False)).to_parquet(path, batch_size=3)
    expected = [
        value["image"]["bytes"] for value in rows.cast_column("image", datasets.Image(decode=False))
    ]
    assert [image_bytes(r.image()) for r in read_hub(tmp_path, "t", TABLE)] == expected


@pytest.mark.parametrize(
    ("place", "config"),
    [
        ("en/test-00000-of-00001.parquet", "en"),
        ("en/test/0000.parquet", "en"),
        ("x/y.parquet", "zh"),
    ],
)
def test_a_configuration_is_found_by_the_card_or_by_its_folder(
    tmp_path: Path, place: str, config: str
) -> None:
    write(tmp_path / "t" / place, [row(1)])
    card = "configs:\n- config_name: zh\n  data_files:\n  - split: test\n    path: x/*.parquet\n"
    (tmp_path / "t/README.md").write_text(f"---\n{card}---\n# A card\n")
    table = HubTable(("org/set",), "test", ("id",), config=config)
    assert len(list(read_hub(tmp_path, "t", table))) == 1
    with pytest.raises(MissingData, match="configuration other, split test"):
        list(read_hub(tmp_path, "t", HubTable(("org/set",), "test", ("id",), config="other")))


def test_the_local_hub_cache_is_looked_at_after_the_data_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(MissingData, match=r"t: no data: put a copy of the Hub's data set org/set"):
        list(read_hub(tmp_path, "t", TABLE))
    base = tmp_path / "hub/datasets--org--set"
    write(base / "snapshots/abc/data/test-00000-of-00001.parquet", [row(1)])
    (base / "refs").mkdir()
    (base / "refs/main").write_text("abc")
    assert [r.integer("id") for r in read_hub(tmp_path, "t", TABLE)] == [1]


def test_a_renamed_column_is_named_with_the_revision_that_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "t/test.parquet", [row(1)])
    table = HubTable(("org/set",), "test", ("id", "options"), known="as of 2024-05")
    with pytest.raises(DataError, match=r"has no column 'options'; it has 'choices'.*2024-05"):
        list(read_hub(tmp_path, "t", table))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"test\.parquet: is damaged or no Parquet"):
        list(read_hub(tmp_path, "t", TABLE))
