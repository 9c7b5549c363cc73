"""Files on their way in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uploads import Upload, UploadBudget, safe_filename
from luce.errors import LuceError, MalformedMedia, PayloadTooLarge, ResourceExhausted, UnsupportedMediaType

_OGG = b"OggS" + bytes(1000)


def _sniff(head: bytes) -> str | None:
    return "audio/ogg" if head.startswith(b"OggS") else None


def _upload(budget: UploadBudget, max_bytes: int = 10_000) -> Upload:
    return Upload(budget, field="audio", max_bytes=max_bytes, sniff=_sniff, accepts="audio/")


def test_the_bytes_come_out_as_they_went_in_and_the_memory_is_given_back() -> None:
    budget = UploadBudget(5000)
    with _upload(budget) as upload:
        upload.write(_OGG[:3])
        upload.write(_OGG[3:])
        assert upload.finish() == _OGG
        assert upload.media_type == "audio/ogg"
        assert budget.used == len(_OGG)
    assert budget.used == 0


def test_more_than_the_limit_is_refused_at_the_byte_that_passes_it() -> None:
    budget = UploadBudget(100_000)
    with _upload(budget, max_bytes=1500) as upload:
        upload.write(_OGG)
        with pytest.raises(PayloadTooLarge) as refused:
            upload.write(_OGG)
    assert (refused.value.field, refused.value.limit) == ("audio", "1500 bytes")
    assert budget.used == 0


def test_an_announced_size_is_refused_before_any_byte() -> None:
    with _upload(UploadBudget(100_000), max_bytes=1500) as upload, pytest.raises(PayloadTooLarge):
        upload.expect(1501)


def test_what_is_not_audio_is_refused_by_its_first_bytes() -> None:
    with _upload(UploadBudget(100_000)) as upload, pytest.raises(UnsupportedMediaType):
        upload.write(b"PK\x03\x04" + bytes(600))


def test_an_empty_file_is_refused() -> None:
    with _upload(UploadBudget(1000)) as upload, pytest.raises(MalformedMedia, match="empty"):
        upload.finish()


def test_one_upload_too_many_is_told_to_come_back() -> None:
    budget = UploadBudget(1500)
    with _upload(budget) as first, _upload(budget) as second:
        first.write(_OGG)
        with pytest.raises(ResourceExhausted) as refused:
            second.write(_OGG)
        assert refused.value.retry_after == 1.0
    assert budget.used == 0


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3000)), max_size=12),
    st.integers(0, 6000),
    st.integers(0, 6000),
)
def test_the_budget_never_overflows_and_comes_back_whole(
    steps: list[tuple[bool, int]], capacity: int, max_bytes: int
) -> None:
    budget = UploadBudget(capacity)
    with _upload(budget, max_bytes=max_bytes) as upload:
        for announce, size in steps:
            try:
                if announce:
                    upload.expect(size)
                else:
                    upload.write((b"OggS" + bytes(3000))[:size])
            except LuceError:
                break
            assert 0 <= budget.used <= capacity
            assert upload.size <= max_bytes
    assert budget.used == 0


@given(st.text(max_size=300))
def test_a_safe_name_is_never_a_path_nor_a_line_break(name: str) -> None:
    safe = safe_filename(name, "audio.ogg")
    assert safe
    assert len(safe) <= 128
    assert not set(safe) & set('/\\\r\n\0";')
    assert safe not in (".", "..")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("song.ogg", "song.ogg"),
        ("C:\\Users\\me\\song.ogg", "song.ogg"),
        ("../../etc/passwd", "passwd"),
        ("Prométhée – Opus 60.flac", "Prométhée _ Opus 60.flac"),
        ('a"\r\nSet-Cookie: x=1.wav', "a___Set-Cookie_ x_1.wav"),
        ("", "audio.ogg"),
        ("..", "audio.ogg"),
        ("x" * 300 + ".mp3", "x" * 124 + ".mp3"),
    ],
)
def test_names_are_kept_where_they_do_no_harm(name: str, safe: str) -> None:
    assert safe_filename(name, "audio.ogg") == safe
