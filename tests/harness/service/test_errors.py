"""The error classes agree with AWS's published service models."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from harness.service import errors
from harness.service.errors import AwsError


def modelled_errors() -> dict[str, int]:
    """Code -> HTTP status of every exception shape of IAM and STS that states both."""
    shapes = [
        shape
        for service in ("iam", "sts")
        for shape in Loader().load_service_model(service, "service-2")["shapes"].values()
        if shape.get("exception") and "error" in shape
    ]
    return {shape["error"]["code"]: shape["error"]["httpStatusCode"] for shape in shapes}


OURS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AwsError)]
CONCRETE = [error for error in OURS if error is not AwsError]
# Codes of the common errors pages, or ours: no shape of the two models has them.
UNMODELLED = {
    "AccessDenied", "ExpiredToken", "IncompleteSignature", "InvalidAction", "InvalidClientTokenId",
    "InvalidParameterCombination", "InvalidParameterValue", "MalformedQueryString", "MissingAction",
    "MissingAuthenticationToken", "MissingParameter", "NotImplemented",
    "RequestEntityTooLarge", "RequestExpired", "SignatureDoesNotMatch", "Throttling", "ValidationError",
}  # fmt: skip
MODELLED = [error for error in CONCRETE if error.code not in UNMODELLED]


def test_only_the_listed_codes_are_outside_the_service_models() -> None:
    assert {error.code for error in CONCRETE} - set(modelled_errors()) == UNMODELLED


@pytest.mark.parametrize("error", MODELLED, ids=lambda error: error.code)
def test_a_modelled_code_has_the_models_status(error: type[AwsError]) -> None:
    assert error.http_status == modelled_errors()[error.code]


def test_no_two_classes_share_a_code() -> None:
    assert len({error.code for error in CONCRETE}) == len(CONCRETE)


def test_every_error_the_mfa_operations_declare_has_a_class() -> None:
    model = Loader().load_service_model("iam", "service-2")
    operations = [
        "CreateVirtualMFADevice", "DeleteVirtualMFADevice", "EnableMFADevice", "ResyncMFADevice",
        "DeactivateMFADevice", "ListMFADevices", "ListVirtualMFADevices", "GetMFADevice", "TagMFADevice",
        "CreateUser", "DeleteUser", "CreateLoginProfile", "ChangePassword", "CreateAccessKey",
        "PutUserPolicy",
    ]  # fmt: skip
    declared = {
        model["shapes"][error["shape"]]["error"]["code"]
        for operation in operations
        for error in model["operations"][operation].get("errors", [])
    }
    assert declared <= {error.code for error in CONCRETE}


def test_the_message_is_the_instances_and_the_default_is_awss() -> None:
    assert errors.InvalidAuthenticationCode().message == "Authentication code for device is not valid."
    told = errors.NoSuchEntity("The user with name Bob cannot be found.")
    assert (told.message, str(told)) == (
        "The user with name Bob cannot be found.",
        "NoSuchEntity: The user with name Bob cannot be found.",
    )


def test_faults_below_500_are_the_senders() -> None:
    assert errors.NoSuchEntity("x").fault == "Sender"
    assert errors.ServiceFailure().fault == "Receiver"
