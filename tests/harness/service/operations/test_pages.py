"""Every list that AWS pages is paged: markers lead to the end, and one of nobody's is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name

from harness.service.operations import OPERATIONS
from harness.service.query_protocol import service_model

PAGED = sorted(
    action
    for action in OPERATIONS["iam"]
    if "Marker" in getattr(service_model("iam").operation_model(action).input_shape, "members", {})
)
PLENTY = 3


@pytest.fixture
def plenty(firm: Any, document: Any) -> Any:
    """A firm with three of everything that is listed."""
    iam, allowed = firm.iam, document({"Action": "iam:*"})
    tags = [{"Key": f"key{number}", "Value": "x"} for number in range(PLENTY)]
    iam.tag_user(UserName="admin", Tags=tags)
    arns = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=allowed)["Policy"]["Arn"]
        for number in range(PLENTY)
    ]
    for number in range(PLENTY):
        name = f"name{number}"
        iam.create_user(UserName=name)
        iam.create_group(GroupName=name)
        firm.role(name, {"Principal": "*"})
        iam.attach_user_policy(UserName=name, PolicyArn=arns[0])
        iam.add_user_to_group(GroupName="name0", UserName=name)
        iam.add_user_to_group(GroupName=name, UserName="admin")
        iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
        for kind in ("user", "group", "role"):
            holder = {f"{kind.title()}Name": "admin" if kind == "user" else "name0"}
            getattr(iam, f"put_{kind}_policy")(**holder, PolicyName=name, PolicyDocument=allowed)
            getattr(iam, f"attach_{kind}_policy")(**holder, PolicyArn=arns[number])
    iam.tag_role(RoleName="name0", Tags=tags)
    for _ in range(PLENTY):
        iam.create_policy_version(PolicyArn=arns[0], PolicyDocument=allowed)
    firm.device("admin")
    iam.tag_mfa_device(SerialNumber=firm.arn("mfa/admin"), Tags=tags)
    return firm


ASKED = {
    "UserName": "admin",
    "GroupName": "name0",
    "RoleName": "name0",
    "PolicySourceArn": "user/admin",
    "PolicyArn": "policy/p0",
    "SerialNumber": "mfa/admin",
    "ActionNames": ["iam:GetUser", "iam:ListUsers", "iam:GetRole"],
    "PolicyInputList": ["{}"],
}
FEW = {"ListAccessKeys", "ListAccountAliases", "ListMFADevices"}  # of these a user or account has one here
NONE = {
    *("ListInstanceProfilesForRole", "ListServiceSpecificCredentials", "ListSSHPublicKeys"),
    "ListSigningCertificates",
}


def test_every_list_is_walked_to_its_end_by_its_markers(plenty: Any, document: Any, refusal: Any) -> None:
    for action in PAGED:
        shape = service_model("iam").operation_model(action).input_shape
        asked = {name: value for name, value in ASKED.items() if name in shape.required_members}
        for name in asked.keys() & {"PolicySourceArn", "PolicyArn", "SerialNumber"}:
            asked[name] = plenty.arn(asked[name])
        if "PolicyInputList" in asked:
            asked["PolicyInputList"] = [document({"Action": "iam:*"})]
        call, found, marker = getattr(plenty.iam, xform_name(action)), 0, None
        for _ in range(100):
            answer = call(**asked, MaxItems=1, **({} if marker is None else {"Marker": marker}))
            found += sum(len(value) for value in answer.values() if isinstance(value, list))
            marker = answer.get("Marker")
            assert answer["IsTruncated"] is (marker is not None), action
            if marker is None:
                break
        assert marker is None, action
        assert found >= (0 if action in NONE else 1 if action in FEW else PLENTY), action
        code, status, message = refusal(call, **asked, Marker="nobodys")
        assert (code, status, message) == ("ValidationError", 400, "Invalid Marker."), action
