"""Mirror pods: what kubelet shows the API server of the static pods that its node runs from files of its own.

Refusing one stops nothing, since the node runs it all the same; it only hides it. So what is found about one is
recorded and no more. Anybody can write the annotation, so the node's own user alone is believed, and about its own
node alone (`k8s.io/kubernetes/plugin/pkg/admission/noderestriction`, admitPodCreate).
"""

from webhook.admission.review import Request
from webhook.pods import Pod

MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a pod that only shows what a node runs from a file of its own; kubelet runs no other such pod."""

_NODES = "system:nodes"
_NODE = "system:node:"


def shows_static_pod(request: Request, pod: Pod) -> bool:
    """Whether a node shows a pod that it runs already."""
    return (
        request.operation == "CREATE" and not request.sub_resource and MIRROR in pod.annotations and _own(request, pod)
    )


def _own(request: Request, pod: Pod) -> bool:
    user, node = request.user_info, pod.spec.node_name
    return bool(node) and user.username == f"{_NODE}{node}" and _NODES in user.groups
