"""A run as one file: for colleagues, and as the baseline that a CI compares with.

A zip whose first entry, `manifest.json`, lists every other with its length and SHA-256; what
does not fit its digest is an error, so a damaged or altered bundle is never read. The same run
gives the same bytes. Only names that a run's folder may have are read, and never more bytes
than the manifest promises.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lvlm_eval.durable import folder_name, parse, read_lines, write_lines
from lvlm_eval.errors import StoreError, UsageError
from lvlm_eval.schema import JSON

FORMAT = "lvlm-eval bundle 1"
MANIFEST = "manifest.json"
MAX_BYTES = 4 << 30  # of all files unpacked: far beyond any run, near enough to stop a bomb
MAX_MANIFEST = 4 << 20
_FOLDER = r"(?!\.)[\w.@+-]+"
_NAMES = re.compile(
    rf"run\.json|{_FOLDER}/(task|summary|cost|server|decision)\.json"
    rf"|{_FOLDER}/scores\.jsonl|{_FOLDER}/responses(\.[\w.@+-]+)?\.jsonl"
    rf"|{_FOLDER}/routing(\.[\w.@+-]+)?\.npz"
)
# What the standard library's reader raises on bytes that are no zip, or no longer one.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say; the same for every bundle


@dataclass(frozen=True, slots=True)
class _Entry:
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle holds. text: whether answers and targets are in it."""

    format: str
    model: str
    run_id: str
    text: bool
    files: Mapping[str, _Entry]


def pack(folder: Path, file: Path, *, text: bool = True) -> str:
    """Write the run's folder as a bundle; gives the file's SHA-256.

    Without text the responses are left out and scores name neither answer nor target; what the
    tasks' sums need to be summed stays. Such a bundle is compared like any other, but it cannot
    be marked again.
    """
    if not (folder / "run.json").is_file():
        raise UsageError(f"{folder} is no run: it has no run.json")
    contents = dict(_contents(folder, text))
    described = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    manifest = Manifest(
        FORMAT,
        str(described["asked"]["model"]),
        folder.name,
        text,
        {name: _Entry(_sha256(data), len(data)) for name, data in contents.items()},
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, MANIFEST, json.dumps(asdict(manifest), indent=1, sort_keys=True).encode())
        for name, data in contents.items():
            _add(archive, name, data)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(buffer.getvalue())
    return _sha256(buffer.getvalue())


def unpack(file: Path, results: Path) -> Path:
    """The run's folder under `results`, to be gone on with like any other.

    Raises StoreError for what is no bundle, damaged or altered; UsageError where the run's
    folder is there already, or the bundle is without text and so without answers.
    """
    return _unpack(file, results, whole=True)


def unpack_for_reading(file: Path) -> Path:
    """As `unpack`, into a folder that goes when the process ends; text or not."""
    results = Path(tempfile.mkdtemp(prefix="lvlm-eval-"))
    atexit.register(shutil.rmtree, results, ignore_errors=True)
    return _unpack(file, results, whole=False)


def _unpack(file: Path, results: Path, *, whole: bool) -> Path:
    """Every file is checked against the manifest before the folder counts."""
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        if whole and not manifest.text:
            raise UsageError(f"{file} was made with --no-text: it has no answers to mark")
        folder = results / folder_name(manifest.model) / folder_name(manifest.run_id)
        if folder.exists():
            raise UsageError(f"{file} holds the run that is in {folder} already; name that")
        folder.mkdir(parents=True)
        _extract(archive, manifest, file, folder)
    return folder


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise StoreError(f"{file} is no bundle of a run, or damaged: {error}") from None


def _contents(folder: Path, text: bool) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the files that go into the bundle, sorted by name."""
    for file in sorted([folder / "run.json", *folder.glob("*/*")]):
        name = file.relative_to(folder).as_posix()
        if not file.is_file() or not _NAMES.fullmatch(name):
            continue
        if file.name == "scores.jsonl" and not text:
            yield name, _without_text(file)
        elif text or not file.name.startswith("responses"):
            yield name, file.read_bytes()


def _without_text(scores: Path) -> bytes:
    """The lines without answer and target; an answer that could not be read stays null."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / scores.name
        write_lines(bare, (_bare(line) for _, line in read_lines(scores)))
        return bare.read_bytes()


def _bare(line: Mapping[str, JSON]) -> dict[str, JSON]:
    answer = None if line.get("answer") is None else ""
    return {**line, "answer": answer, "target": None}


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    """The manifest, with exactly the files that the archive has, all of allowed names."""
    names = archive.namelist()
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > MAX_MANIFEST:
        raise StoreError(f"{file} is no bundle of a run: it has no {MANIFEST}")
    try:
        content = json.loads(_read(archive, MANIFEST, MAX_MANIFEST))
    except ValueError:
        raise StoreError(f"{file}: damaged: {MANIFEST} is not JSON") from None
    manifest = parse(Manifest, content, f"{file}:{MANIFEST}")
    if manifest.format != FORMAT:
        raise StoreError(f"{file} is a {manifest.format!r}; this version reads {FORMAT!r}")
    if sorted([*manifest.files, MANIFEST]) != sorted(names):
        raise StoreError(f"{file}: altered: its files are not those that its manifest lists")
    strange = [name for name in manifest.files if not _NAMES.fullmatch(name)]
    if strange:
        raise StoreError(f"{file}: {strange[0]!r} is no file of a run; nothing was unpacked")
    size = sum(entry.bytes for entry in manifest.files.values())
    if size > MAX_BYTES or any(entry.bytes < 0 for entry in manifest.files.values()):
        raise StoreError(f"{file}: {size:,} bytes unpacked are more than {MAX_BYTES:,}")
    return manifest


def _extract(archive: zipfile.ZipFile, manifest: Manifest, file: Path, folder: Path) -> None:
    try:
        for name, entry in manifest.files.items():
            data = _read(archive, name, entry.bytes)
            if len(data) != entry.bytes or _sha256(data) != entry.sha256:
                raise StoreError(
                    f"{file}: altered: {name} does not fit its digest; get the bundle anew"
                )
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
    except BaseException:  # nothing half-read may look like a run
        shutil.rmtree(folder)
        raise


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """The entry's bytes, at most one more than the limit: a bomb is not let go off."""
    try:
        with archive.open(name) as opened:
            return opened.read(limit + 1)
    except (*_DAMAGED, OSError) as error:
        raise StoreError(f"{archive.filename}: damaged at {name}: {error}") from None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
