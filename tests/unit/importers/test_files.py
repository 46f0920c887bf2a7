"""A file's records: every kind of file, every split of its bytes, and what can't be read."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchover.errors import OperatorError
from switchover.importers import files
from switchover.importers.files import Record, opened
from switchover.importers.json_values import TooLong, Unclosed, values


def read(path: Path) -> list[Record]:
    with opened(path) as file:
        return list(file.records())


def of(folder: Path, data: bytes, name: str = "file") -> list[Record]:
    path = folder / name
    path.write_bytes(data)
    return read(path)


ROWS = [{"a": 1}, {"a": 'zwei, "drei"\n'}, {"a": {"b": [[], {}]}}]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps(row) for row in ROWS),
        "\r\n\r\n".join(json.dumps(row) for row in ROWS) + "\r\n",
        "\ufeff" + "\n".join(json.dumps(row) for row in ROWS),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n\n".join(json.dumps(row, indent=1) for row in ROWS),
    ],
    ids=["lines", "lines of Windows", "byte order mark", "list", "indented list", "indented documents"],
)
def test_the_same_records_come_of_every_kind_of_file(text: str, packed: bool, tmp_path: Path):
    data = text.encode()
    found = of(tmp_path, gzip.compress(data) if packed else data)
    assert [record.value for record in found] == ROWS
    assert not any(record.trouble for record in found)


def test_csv_has_its_heading_for_names(tmp_path: Path):
    out = io.StringIO()
    table = csv.writer(out)
    table.writerows([["id", "text"], ["1", 'with "quotes", commas\nand lines'], ["2", ""]])
    found = of(tmp_path, out.getvalue().encode())
    assert [record.value for record in found] == [
        {"id": "1", "text": 'with "quotes", commas\nand lines'},
        {"id": "2", "text": ""},
    ]


def test_what_can_not_be_read_is_told_by_its_line_and_the_rest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MOST_BYTES", 2000)
    deep = b"[" * 90_000 + b"]" * 90_000
    lines = [
        b'{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1',
        b'{"a": "' + b"x" * 3000 + b'"}',
        b'{"a": ' + b"[" * 150 + b"]" * 150 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": 2}',
    ]
    found = of(tmp_path, b"\n".join(lines))
    assert [(record.line, record.trouble.partition(";")[0]) for record in found] == [
        (1, ""),
        (2, "not UTF-8"),
        (3, "NaN or Infinity, which JSON has not"),
        (4, "NaN or Infinity, which JSON has not"),
        (5, "not JSON"),
        (6, files.TOO_LONG),
        (7, files.TOO_DEEP),
        (8, "not JSON"),
        (9, ""),
    ]
    monkeypatch.undo()
    assert [record.trouble for record in of(tmp_path, b'{"a": 1}\n' + deep)] == ["", files.TOO_DEEP]


def test_a_list_goes_on_behind_an_item_that_is_no_json(tmp_path: Path):
    found = of(tmp_path, b'[{"a": 1}, {"a": NaN}, {"a": 01}, {"a": 2}]')
    assert [record.value for record in found] == [{"a": 1}, None, None, {"a": 2}]


@pytest.mark.parametrize("data", [b'[{"a": 1}, {"a": ', b'[{"a": 1}, {"a": "x', b'[{"a": 1}'])
def test_a_list_that_breaks_off_says_so_and_gives_what_came_before(data: bytes, tmp_path: Path):
    first, last = of(tmp_path, data)
    assert first.value == {"a": 1}
    assert "breaks off" in last.trouble


def test_gzip_that_breaks_off_says_so_and_gives_what_came_before(tmp_path: Path):
    rows = b"".join(b'{"a": "%d %b"}\n' % (n, hashlib.sha256(b"%d" % n).hexdigest().encode()) for n in range(50_000))
    found = of(tmp_path, gzip.compress(rows)[:-2000])
    assert len(found) > 10_000
    assert found[0].value["a"].startswith("0 ")
    assert "gzip data breaks off" in found[-1].trouble


@pytest.mark.parametrize("cell", [b'"' + b"x" * 3000 + b'"', b'"' + b"x\n" * 1500 + b'"', b'"' + b"x\n" * 800 + b'"'])
def test_a_row_that_is_too_long_ends_a_csv_file(cell: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MOST_BYTES", 2000)
    found = of(tmp_path, b"id,text,more\n1,a,b\n2," + cell + b"," + cell + b"\n3,c,d\n")
    assert found[0].value == {"id": "1", "text": "a", "more": "b"}
    assert [record.trouble for record in found[1:]] == [
        f"a row is {files.TOO_LONG}, or no CSV; nothing after it was read"
    ]


def test_csv_of_another_width_or_without_utf8_is_told(tmp_path: Path):
    found = of(tmp_path, b"id,text\n1,a\n2\n3,\xff\n4,b\n")
    assert [record.trouble for record in found] == ["", "1 columns where the heading has 2", "not UTF-8", ""]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"PAR1....", "Parquet"),
        (b"PK\x03\x04....", "zip"),
        (b"\xff\xfe{\x00", "UTF-16"),
        (b"SQLite format 3\0", "SQLite"),
        (b"\x00\x01\x02, \x03", "neither JSON nor CSV"),
        (b"just some words\n", "neither JSON nor CSV"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(head: bytes, what: str, tmp_path: Path):
    with pytest.raises(OperatorError, match=what) as refused:
        of(tmp_path, head)
    assert refused.value.mend
    assert "words" not in str(refused.value)


def test_what_can_not_be_read_twice_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OperatorError, match="no ordinary file"):
            read(path)


def test_an_empty_file_has_no_record(tmp_path: Path):
    assert of(tmp_path, b"") == []
    assert of(tmp_path, b" \n\n") == []


def test_the_hash_is_that_of_the_whole_file(tmp_path: Path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 100))
    with opened(path) as file:
        assert next(file.records()).value == {"a": 1}
        assert file.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert file.read_so_far == path.stat().st_size


@pytest.mark.parametrize("kind", ["lines", "list"])
def test_memory_does_not_grow_with_the_file(kind: str, tmp_path: Path):
    row = json.dumps({"a": "x" * 20_000}).encode()
    path = tmp_path / "file"
    with path.open("wb") as out:
        out.write(b"[" if kind == "list" else b"")
        for _ in range(1500):
            out.write(row + (b"," if kind == "list" else b"\n"))
        out.write(row + (b"]" if kind == "list" else b""))
    tracemalloc.start()
    try:
        with opened(path) as file:
            assert sum(1 for _ in file.records()) == 1501
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20 < path.stat().st_size


scalars = st.none() | st.booleans() | st.integers() | st.text('a"\\\\{}[],: é😀\n', max_size=8)
json_texts = st.recursive(
    scalars, lambda b: st.lists(b, max_size=3) | st.dictionaries(st.text(max_size=3), b, max_size=3), max_leaves=5
)
objects = st.lists(st.dictionaries(st.text(max_size=3), json_texts, max_size=3), max_size=4)


@settings(max_examples=100, deadline=None)
@given(objects, st.integers(1, 9), st.sampled_from([None, 2]), st.booleans())
def test_every_split_of_a_document_gives_the_same_values(rows, size, indent, ascii_only):
    listed = json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode()
    apart = "\n ".join(json.dumps(row, indent=indent, ensure_ascii=ascii_only) for row in rows).encode()
    for data, is_list in ((listed, True), (apart, False)):
        stream = io.BytesIO(data)
        found = values(lambda wanted, stream=stream: stream.read(min(size, wanted)), listed=is_list, most=1 << 20)
        assert [json.loads(value) for value in found] == rows


def test_a_value_that_is_too_long_ends_a_document():
    data = io.BytesIO(b'[{"a": 1}, {"a": "' + b"x" * (4 << 20) + b'"}]')
    found = values(data.read, listed=True, most=1 << 20)
    assert next(found) == b'{"a": 1}'
    with pytest.raises(TooLong):
        next(found)


def test_a_bracket_too_many_is_told():
    with pytest.raises(Unclosed):
        list(values(io.BytesIO(b'{"a": 1}}').read, listed=False, most=100))
