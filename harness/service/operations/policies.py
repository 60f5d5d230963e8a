"""Policies of users, groups and roles: inline ones, managed ones attached, boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations.answers import Answer, Items, Operation, attached_items, document_answer
from harness.service.operations.shapes import listing_names, paged, passed_on, taking, verb


def _policies_of(kind: str) -> dict[str, Operation]:
    """The operations of one kind of holder: ``User``, ``Group`` or ``Role``."""
    holder = f"{kind.lower()}_name"
    get, attached = f"Get{kind}Policy", f"ListAttached{kind}Policies"

    @taking(holder, "policy_name")
    def get_policy(identity: Identity, caller: Caller, **asked: str) -> Answer:
        document = verb(identity, get)(caller, asked[holder], asked["policy_name"])
        return {
            f"{kind}Name": asked[holder],
            "PolicyName": asked["policy_name"],
            "PolicyDocument": document_answer(document),
        }

    @paged("AttachedPolicies")
    @taking(holder, "path_prefix?")
    def list_attached(identity: Identity, caller: Caller, **asked: Any) -> Items:
        return attached_items(verb(identity, attached)(caller, asked[holder]), asked.get("path_prefix", "/"))

    return {
        **passed_on(
            {
                f"Put{kind}Policy": [holder, "policy_name", "policy_document"],
                f"Delete{kind}Policy": [holder, "policy_name"],
                f"Attach{kind}Policy": [holder, "policy_arn"],
                f"Detach{kind}Policy": [holder, "policy_arn"],
            }
        ),
        **listing_names({f"List{kind}Policies": ("PolicyNames", holder)}),
        get: get_policy,
        attached: list_attached,
    }


IAM: Mapping[str, Operation] = {
    **_policies_of("User"),
    **_policies_of("Group"),
    **_policies_of("Role"),
    **passed_on(
        {
            "PutUserPermissionsBoundary": ["user_name", "permissions_boundary"],
            "PutRolePermissionsBoundary": ["role_name", "permissions_boundary"],
            "DeleteUserPermissionsBoundary": ["user_name"],
            "DeleteRolePermissionsBoundary": ["role_name"],
        }
    ),
}
