"""Placements as typed, and who a process is by its launcher's variables."""

import pytest

from lvlm_eval.errors import UsageError
from lvlm_eval.placement import (
    Place,
    Placement,
    Rank,
    first_host,
    own_gpu,
    own_variables,
    parse_placement,
    rank_from,
)

TORCHRUN = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "GROUP_RANK": "1",
    "MASTER_ADDR": "gpu01",
    "MASTER_PORT": "29400",
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCHELASTIC_RESTART_COUNT": "2",
}
SRUN = {
    "SLURM_PROCID": "3",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_JOB_ID": "1234",
    "SLURM_STEP_ID": "2",
    "SLURM_STEP_NODELIST": "gpu[003-004]",
}


def rank(number: int, size: int) -> Rank:
    return Rank("torchrun", number, size, number, 0, "localhost", 29_500)


def test_what_a_placement_leaves_out_is_one() -> None:
    assert parse_placement("dp=2,tp=4,ep=2") == Placement(2, 4, 2)
    assert parse_placement(" tp = 2 ") == Placement(1, 2, 1)
    assert parse_placement("") == Placement()
    assert Placement(3, 4).processes == 12


def test_replicas_left_out_are_as_many_as_the_processes_make() -> None:
    assert parse_placement("tp=2", processes=8) == Placement(4, 2)
    assert parse_placement("", processes=3) == Placement(3)
    assert parse_placement("dp=2", processes=8) == Placement(2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tp=two", "'tp=two' is none of dp=N, tp=N, ep=N"),
        ("pp=2", "'pp=2' is none of"),
        ("tp=-1", "'tp=-1' is none of"),
        ("dp=0", "dp must be at least 1, got 0"),
        ("tp=4,ep=3", "ep=3 does not divide tp=4.*there are ep=1, ep=2, ep=4"),
    ],
)
def test_sizes_that_cannot_be_are_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_placement(text, processes=4)


def test_neighbours_make_a_replica_and_its_first_leads() -> None:
    places = [Place(Placement(2, 2), rank(number, 4)) for number in range(4)]
    assert [(place.replica, place.inner) for place in places] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [place.leads for place in places] == [True, False, True, False]
    assert [place.first for place in places] == [True, False, False, False]
    assert [list(place.partners) for place in places] == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert list(places[1].leaders) == [0, 2]


def test_another_number_of_processes_is_refused_with_what_would_fit() -> None:
    with pytest.raises(UsageError, match=r"takes 4 processes.*started 6; start 4.*: dp=3,tp=2$"):
        Place(Placement(2, 2), rank(0, 6))
    with pytest.raises(UsageError, match=r"started 3; start 2, .*: dp=3,tp=1, dp=1,tp=3$"):
        Place(Placement(1, 2), rank(0, 3))


def test_torchruns_variables_say_who_a_process_is() -> None:
    found = rank_from(TORCHRUN | SRUN)
    assert found == Rank("torchrun", 5, 8, 1, 1, "gpu01", 29_400, hosted=True, attempt=2)


def test_deepspeeds_variables_say_who_a_process_is() -> None:
    given = {
        "RANK": "1",
        "WORLD_SIZE": "2",
        "LOCAL_RANK": "1",
        "CROSS_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29500",
    }
    assert rank_from(given) == Rank("deepspeed", 1, 2, 1, 0, "127.0.0.1", 29_500)


def test_sruns_variables_say_who_a_process_is() -> None:
    found = rank_from(SRUN)
    assert found == Rank("srun", 3, 4, 1, 1, "gpu003", 28_640)
    elsewhere = rank_from(SRUN | {"MASTER_ADDR": "head", "MASTER_PORT": "4000"})
    assert elsewhere is not None
    assert (elsewhere.address, elsewhere.port) == ("head", 4000)


def test_a_process_without_launcher_is_by_itself() -> None:
    assert rank_from({}) is None
    assert rank_from({"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"}) is None
    assert rank_from(SRUN | {"SLURM_STEP_NUM_TASKS": "1"}) is None


def test_variables_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match="MASTER_ADDR is not"):
        rank_from({name: value for name, value in TORCHRUN.items() if name != "MASTER_ADDR"})
    with pytest.raises(UsageError, match=r"rank 8 of 8.*unset them"):
        rank_from(TORCHRUN | {"RANK": "8"})


def test_the_first_of_slurms_nodes_is_found() -> None:
    assert first_host("gpu[003-005,9],login1") == "gpu003"
    assert first_host("n[1-2]r[7,9]-ib,x") == "n1r7-ib"
    assert first_host("login1,gpu[1-2]") == "login1"
    assert first_host("localhost") == "localhost"


def test_each_process_sees_its_own_gpu() -> None:
    third, task = rank(2, 4), Rank("srun", 2, 4, 2, 0, "localhost", 29_500)
    assert own_gpu(third, None) == "2"
    assert own_gpu(third, "4,5,6,7") == "6"
    assert own_gpu(third, "4,5") == ""
    assert own_gpu(third, "") == ""
    assert own_gpu(task, "5") == "5"
    assert own_gpu(task, "0,1,2,3") == "2"


def test_a_process_takes_the_gpu_that_it_sees_for_the_only_one() -> None:
    found = own_variables(rank(2, 4), {"CUDA_VISIBLE_DEVICES": "4,5,6,7", "LOCAL_RANK": "2"})
    assert found == {"CUDA_VISIBLE_DEVICES": "6", "LOCAL_RANK": "0"}
