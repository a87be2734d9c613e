"""`automountServiceAccountToken: false`: pods get no credentials for the API server.

The pod has to say so itself. Its field beats that of the service account (shouldAutomount, in the admission plugin
ServiceAccount), which may say so too, but whose owner is another, and which a review does not show.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether tokens are refused."""
    return rules.deny_service_account_token


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding where the pod does not refuse the token."""
    if not rules.deny_service_account_token or not pod.containers:
        return
    automount = pod.spec.automount_service_account_token
    if automount is not False:
        path = f"{pod.path}.automountServiceAccountToken"
        yield Violation(
            code=Code.SERVICE_ACCOUNT_TOKEN_MOUNTED,
            path=path,
            message=f"automountServiceAccountToken is {'true' if automount else 'not set'}, expected false",
            fix=f"set {path}: false",
        )
