"""Times as people write them."""

from __future__ import annotations

import pytest

from emulator.moment import moment


@pytest.mark.parametrize(
    "text", ["1767225600", "2026-01-01T00:00:00Z", "2026-01-01 01:00+01:00", " 1767225600.0 "]
)
def test_one_moment_is_written_in_many_ways(text: str) -> None:
    assert moment(text) == 1_767_225_600


@pytest.mark.parametrize("text", ["", "tomorrow", "nan", "-1", "1e300", "2026-13-01", "0001-01-01T00:00:00"])
def test_what_is_no_time_is_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time|before 1970"):
        moment(text)
