# ruff: noqa: N818 - the classes bear AWS's codes, which do not end in Error
"""The errors AWS's Query protocol can answer with: one class per code, each with its HTTP status.

Codes and statuses are those of the published IAM (2010-05-08) and STS (2011-06-15) service models and of
the "Common Errors" pages of the two API references. Raise one where the rule is broken; the API turns it
into XML in one place, the console into a page.
"""

from __future__ import annotations

from typing import ClassVar


class AwsError(Exception):
    """A refusal as AWS words it: ``code`` and ``http_status`` are the class's, ``message`` the instance's.

    ``default_message`` is what AWS says where it always says the same; the others are told what to say.
    """

    code: ClassVar[str]
    http_status: ClassVar[int]
    default_message: ClassVar[str] = ""

    def __init__(self, message: str | None = None) -> None:
        self.message = self.default_message if message is None else message
        super().__init__(self.message)

    @property
    def fault(self) -> str:
        """Whose fault it is, in the protocol's words: ``Sender`` or ``Receiver``."""
        return "Sender" if self.http_status < 500 else "Receiver"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


# Who is asking: the signature and the credentials (IAM API reference, Common Errors).


class MissingAuthenticationToken(AwsError):
    """The request is not signed at all."""

    code, http_status = "MissingAuthenticationToken", 403
    default_message = "Request is missing Authentication Token"


class IncompleteSignature(AwsError):
    """The Authorization header does not have the form of Signature Version 4."""

    code, http_status = "IncompleteSignature", 400


class SignatureDoesNotMatch(AwsError):
    """The signature is not the one this request and this secret give, or it is too old or too new."""

    code, http_status = "SignatureDoesNotMatch", 403
    default_message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )


class InvalidClientTokenId(AwsError):
    """Nobody has this access key, or not with this session token."""

    code, http_status = "InvalidClientTokenId", 403
    default_message = "The security token included in the request is invalid"


class ExpiredToken(AwsError):
    """The session has ended.

    The code is what callers of IAM and STS see for their own session; STS's model gives the name
    ``ExpiredTokenException`` (400) to an expired token *inside* a request, which is another matter.
    """

    code, http_status = "ExpiredToken", 403
    default_message = "The security token included in the request is expired"


class RequestExpired(AwsError):
    """The request came after the time it was good for."""

    code, http_status = "RequestExpired", 400


class AccessDenied(AwsError):
    """Policy, or an MFA code, says no."""

    code, http_status = "AccessDenied", 403


# What is asked: the request's form.


class MissingAction(AwsError):
    """The form has no Action."""

    code, http_status = "MissingAction", 400


class InvalidAction(AwsError):
    """The service has no such operation in that version."""

    code, http_status = "InvalidAction", 400


class NotImplementedHere(AwsError):
    """The operation is AWS's, but this emulator does not have it. Ours: AWS has no such error."""

    code, http_status = "NotImplemented", 501


class MissingParameter(AwsError):
    """A parameter the operation needs is missing."""

    code, http_status = "MissingParameter", 400


class InvalidParameterCombination(AwsError):
    """Parameters that exclude each other came together."""

    code, http_status = "InvalidParameterCombination", 400


class InvalidParameterValue(AwsError):
    """A parameter is out of its range."""

    code, http_status = "InvalidParameterValue", 400


class MalformedQueryString(AwsError):
    """The form cannot be read. AWS documents the odd status."""

    code, http_status = "MalformedQueryString", 404


class RequestEntityTooLarge(AwsError):
    """The body is longer than the service reads."""

    code, http_status = "RequestEntityTooLarge", 413


class ValidationError(AwsError):
    """A value breaks the constraint the service model puts on it."""

    code, http_status = "ValidationError", 400


class Throttling(AwsError):
    """Too many requests."""

    code, http_status = "Throttling", 400
    default_message = "Rate exceeded"


# What the account holds (IAM's service model).


class NoSuchEntity(AwsError):
    """The user, device, key, policy … does not exist."""

    code, http_status = "NoSuchEntity", 404


class EntityAlreadyExists(AwsError):
    """The name is taken, or the device is in use."""

    code, http_status = "EntityAlreadyExists", 409


class EntityTemporarilyUnmodifiable(AwsError):
    """The entity is being changed by someone else; try again."""

    code, http_status = "EntityTemporarilyUnmodifiable", 409


class UnmodifiableEntity(AwsError):
    """Only the service that made the entity may change it."""

    code, http_status = "UnmodifiableEntity", 400


class ConcurrentModification(AwsError):
    """Two requests changed the same entity at once."""

    code, http_status = "ConcurrentModification", 409


class DeleteConflict(AwsError):
    """Something still hangs on the entity."""

    code, http_status = "DeleteConflict", 409


class LimitExceeded(AwsError):
    """The account or the user has as many as it may have."""

    code, http_status = "LimitExceeded", 409


class InvalidInput(AwsError):
    """A value has the right form and still makes no sense."""

    code, http_status = "InvalidInput", 400


class InvalidAuthenticationCode(AwsError):
    """The MFA codes are not the device's."""

    code, http_status = "InvalidAuthenticationCode", 403
    default_message = "Authentication code for device is not valid."


class InvalidUserType(AwsError):
    """The operation is for IAM users, and the caller is root."""

    code, http_status = "InvalidUserType", 400


class PasswordPolicyViolation(AwsError):
    """The new password is weaker than the account's policy asks for."""

    code, http_status = "PasswordPolicyViolation", 400


class MalformedPolicyDocument(AwsError):
    """The policy cannot be read; the message says where."""

    code, http_status = "MalformedPolicyDocument", 400


class PolicyNotAttachable(AwsError):
    """The managed policy cannot be attached to this kind of entity."""

    code, http_status = "PolicyNotAttachable", 400


class PackedPolicyTooLarge(AwsError):
    """The session policy and tags together are too large (STS)."""

    code, http_status = "PackedPolicyTooLarge", 400


class ReportNotPresent(AwsError):
    """There is no credential report to get."""

    code, http_status = "ReportNotPresent", 410


class ReportExpired(AwsError):
    """The credential report is too old to be given out."""

    code, http_status = "ReportExpired", 410


# Ours.


class ServiceFailure(AwsError):
    """The service failed; the log says how, the caller is not told."""

    code, http_status = "ServiceFailure", 500
    default_message = "The request processing has failed because of an unknown error, exception or failure."
