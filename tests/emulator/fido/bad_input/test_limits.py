"""Stores that are full (CTAP 2.3 §6.1.2, §6.7.4, §6.10.2, §6.11.4)."""

from __future__ import annotations

from typing import Any

from emulator.fido.session import Permission
from emulator.fido.status import CtapStatus

S, P = CtapStatus, Permission


def test_a_full_store_is_told_by_6_1_2_step_17_4(platform: Any) -> None:
    for user_id in (b"carol", b"dave"):
        platform.key.made(rk=True, user_id=user_id, token=platform.token(P.MC))
    before = platform.key.snapshot()
    assert platform.key.make(rk=True, user_id=b"erin", token=platform.token(P.MC))[0] == S.KEY_STORE_FULL
    assert platform.key.snapshot() == before
    assert platform.key.make(rk=True, user_id=b"dave", token=platform.token(P.MC))[0] == S.SUCCESS


def test_a_full_sensor_is_told_by_6_7_4(platform: Any) -> None:
    begin, next_ = platform.good["enrollBegin"], platform.good["enrollCaptureNextSample"]
    assert platform.try_out(next_, lambda request: None) == S.SUCCESS
    assert platform.try_out(begin, lambda request: None) == S.FP_DATABASE_FULL


def test_a_full_array_of_blobs_is_told_by_6_10_2_step_5_2_2(platform: Any) -> None:
    most = platform.key.profile.max_large_blob_array
    good = platform.good["largeBlobs set"]
    assert platform.try_out(good, lambda request: request.update({4: most})) == S.SUCCESS
    assert platform.try_out(good, lambda request: request.update({4: most + 1})) == S.LARGE_BLOB_STORAGE_FULL


def test_a_full_list_of_relying_parties_is_told_by_6_11_4_step_8(platform: Any) -> None:
    most = [f"{number}.example" for number in range(platform.key.profile.max_rp_ids_for_min_pin_length)]
    good = platform.good["setMinPINLength"]
    assert platform.try_out(good, lambda request: request[2].update({2: most})) == S.SUCCESS
    assert platform.try_out(good, lambda request: request[2].update({2: [*most, "x"]})) == S.KEY_STORE_FULL
