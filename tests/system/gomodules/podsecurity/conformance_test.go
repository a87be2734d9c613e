// Package podsecurity runs the conformance suite of Kubernetes' own Pod Security controller against any cluster.
package podsecurity

import (
	"os"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/pod-security-admission/test"
)

// TestPodSecurity makes namespaces that are labelled with each level in each version with rules of its own, and
// dry-run creates Pods and Deployments in them. $KUBECONFIG says in which cluster.
func TestPodSecurity(t *testing.T) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = -1, -1 // nothing but the server sets the pace
	test.Run(t, test.Options{ClientConfig: config})
}
