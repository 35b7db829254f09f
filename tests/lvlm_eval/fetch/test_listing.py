"""What hubs say that they have."""

from __future__ import annotations

import pytest

from lvlm_eval.errors import FetchError
from lvlm_eval.fetch.connection import Connection
from lvlm_eval.fetch.listing import list_files
from lvlm_eval.fetch.remote import Hub as Address
from lvlm_eval.fetch.remote import Listing
from lvlm_eval.hub_cache import HubName

from .conftest import MODEL
from .hub_server import COMMIT, Hub, git_blob, sha256


def listing(hub: Hub, kind: str, name: HubName = HubName(MODEL)) -> Listing:  # noqa: B008 frozen
    with Connection() as connection:
        address = Address("modelscope" if kind == "modelscope" else "huggingface", hub.url)
        return list_files(address, connection, name)


def test_hugging_face_tells_sha256_of_large_files_and_the_git_blob_of_small_ones(hub: Hub) -> None:
    told = listing(hub, "huggingface")
    content = hub.models[MODEL]
    assert told.commit == COMMIT
    assert told.files["config.json"].digest == git_blob(content["config.json"])
    assert told.files["model.safetensors"].digest == sha256(content["model.safetensors"])
    assert told.files["model.safetensors"].size == len(content["model.safetensors"])


def test_modelscope_tells_sha256_of_all_and_the_commit_by_its_beginning(hub: Hub) -> None:
    told = listing(hub, "modelscope")
    assert told.commit == COMMIT
    assert told.files["config.json"].digest == sha256(hub.models[MODEL]["config.json"])
    assert "towers" not in told.files


def test_without_a_commit_the_revision_is_a_digest_that_follows_the_files(hub: Hub) -> None:
    hub.tells_commit = False
    before = listing(hub, "modelscope").commit
    assert before.startswith("files-")
    assert listing(hub, "modelscope").commit == before
    hub.models[MODEL]["merges.txt"] += b"x y\n"
    assert listing(hub, "modelscope").commit != before


@pytest.mark.parametrize("kind", ["huggingface", "modelscope"])
def test_unknown_models_and_revisions_are_told_apart(hub: Hub, kind: str) -> None:
    with pytest.raises(FetchError, match=r"has no model no/body, or it is private .*HF_TOKEN"):
        listing(hub, kind, HubName("no/body"))
    with pytest.raises(FetchError, match="someone/phi has no revision 'v9'"):
        listing(hub, kind, HubName(MODEL, "v9"))
    assert listing(hub, kind, HubName(MODEL, "v1")).files


def test_paths_that_lead_elsewhere_are_not_listed(hub: Hub) -> None:
    odd = ("../up.json", "sub/config.json", "..", ".gitattributes", "a\\b")
    hub.models[MODEL] |= dict.fromkeys(odd, b"x")
    for kind in ("huggingface", "modelscope"):
        assert set(listing(hub, kind).files) == set(hub.models[MODEL]) - set(odd)


def test_something_else_than_a_hub_is_said_to_be_none(hub: Hub) -> None:
    hub.commit = "../../x"
    with pytest.raises(FetchError, match="is no commit; is this a model hub"):
        listing(hub, "huggingface")
