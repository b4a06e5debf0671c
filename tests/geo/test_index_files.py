"""Files of arrays that processes share: made once, whole or not at all, mended when damaged."""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from geo import index_files
from geo.borders import Arrays
from geo.index_files import KEPT, provide
from geo.packed_index import PackedIndex, pack
from tests.geo.maps import difficult, spots

SHAPES = list(difficult().values())


class Maker:
    """Makes arrays and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, NDArray[Any]]:
        self.times += 1
        return {
            "numbers": np.arange(5000, dtype=np.float64).reshape(-1, 2),
            "none": np.empty((0, 2)),
            "flags": np.array([1, 2, 3], dtype=np.int32),
        }


@pytest.fixture
def make() -> Maker:
    """What makes the arrays of a test."""
    return Maker()


def assert_same(found: Arrays, expected: Arrays) -> None:
    """The same names, types, shapes and numbers."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


def test_what_is_read_is_what_was_made_and_nobody_can_change_it(
    tmp_path: Path, make: Maker
) -> None:
    found = provide(tmp_path / "made" / "by need", "one", make)

    assert_same(found, make())
    assert not any(array.flags.writeable for array in found.values())


def test_an_index_from_a_file_answers_like_one_in_memory(tmp_path: Path) -> None:
    lons, lats = spots(SHAPES, seed=1)
    made = PackedIndex(provide(tmp_path, "one", lambda: pack(SHAPES)))
    opened = PackedIndex(provide(tmp_path, "one", lambda: pytest.fail("made again")))

    assert made.wards_at(lons, lats).tolist() == opened.wards_at(lons, lats).tolist()
    for lon, lat in zip(lons[:50].tolist(), lats[:50].tolist(), strict=True):
        assert opened.shares(lon, lat, 300) == PackedIndex.of(SHAPES).shares(lon, lat, 300)


def test_many_that_want_a_file_at_once_make_it_once(tmp_path: Path, make: Maker) -> None:
    start = threading.Barrier(8)

    def want(_: int) -> Arrays:
        start.wait()
        return provide(tmp_path, "one", make)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(want, range(8)))

    assert make.times == 1
    for arrays in found:
        assert_same(arrays, make())


def cut(file: Path) -> None:
    """The end is missing."""
    os.truncate(file, file.stat().st_size - 1)


def empty(file: Path) -> None:
    """Nothing is left."""
    os.truncate(file, 0)


def other_magic(file: Path) -> None:
    """The file is of another kind."""
    change(file, 0)


def other_version(file: Path) -> None:
    """The format is of another version."""
    change(file, 16)


def other_header(file: Path) -> None:
    """A byte of the header is wrong."""
    change(file, index_files.PREAMBLE.size + 30)


def change(file: Path, position: int) -> None:
    """Turn over the bits of one byte; under another name first, as whoever reads may have it."""
    contents = bytearray(file.read_bytes())
    contents[position] ^= 0xFF
    file.unlink()
    file.write_bytes(contents)


@pytest.mark.parametrize("damage", [cut, empty, other_magic, other_version, other_header])
def test_a_damaged_file_is_made_again(
    tmp_path: Path, make: Maker, damage: Callable[[Path], None]
) -> None:
    provide(tmp_path, "one", make)
    damage(tmp_path / "one.index")

    with capture_logs() as logs:
        found = provide(tmp_path, "one", make)

    assert make.times == 2
    assert {line["event"] for line in logs} == {"index.unreadable"}
    assert_same(found, make())
    assert_same(provide(tmp_path, "one", lambda: pytest.fail("made again")), make())


def test_whoever_has_a_file_open_keeps_it_when_another_takes_its_place(
    tmp_path: Path, make: Maker
) -> None:
    before = provide(tmp_path, "one", make)

    (tmp_path / "one.index").unlink()
    provide(tmp_path, "one", lambda: {"other": np.zeros(3)})

    assert_same(before, make())


def test_only_the_files_used_last_are_kept(tmp_path: Path, make: Maker) -> None:
    for n in range(KEPT + 2):
        provide(tmp_path, str(n), make)
        os.utime(tmp_path / f"{n}.index", (n, n))
    (tmp_path / "died.part").write_bytes(b"half of it")
    os.utime(tmp_path / "2.index", (99, 99))

    provide(tmp_path, "new", make)

    assert sorted(path.name for path in tmp_path.glob("*.*")) == [
        "2.index",
        "4.index",
        "new.index",
    ]


def test_where_nothing_can_be_written_a_nameless_file_serves(tmp_path: Path, make: Maker) -> None:
    (tmp_path / "file").write_text("not a folder")

    with capture_logs() as logs:
        found = provide(tmp_path / "file", "one", make)

    assert_same(found, make())
    assert make.times == 2
    assert not found["numbers"].flags.writeable
    assert [line["event"] for line in logs] == ["index.unreadable", "index.not_kept"]


def test_on_a_full_disk_memory_serves(
    tmp_path: Path, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(index_files, "write", full)

    with capture_logs() as logs:
        found = provide(tmp_path, "one", make)

    assert make.times == 1
    assert_same(found, make())
    assert logs == [{"event": "index.not_kept", "reason": "ENOSPC", "log_level": "warning"}]
    assert not list(tmp_path.glob("*.index"))
