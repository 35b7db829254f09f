"""What tells one checkpoint's files from another's."""

from pathlib import Path

from lvlm_eval.weights_digest import digest_of_files


def test_of_large_files_header_size_and_spread_blocks_are_digested(tmp_path: Path) -> None:
    file = tmp_path / "large.safetensors"
    content = bytearray(12 << 20)
    file.write_bytes(content)
    before = digest_of_files([file])
    content[-1] = 1
    file.write_bytes(content)
    assert digest_of_files([file]) != before
    content[-1], content[5] = 0, 1
    file.write_bytes(content)
    assert digest_of_files([file]) != before
