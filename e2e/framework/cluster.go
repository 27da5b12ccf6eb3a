// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"fmt"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1alpha1"
	"github.com/windlass-operator/windlass/api/v1beta1"
)

// Cluster is a running cluster and the ways to talk to it. Nothing is cached, and requests are not limited on this
// side.
type Cluster struct {
	Options Options
	// Config reaches the API server.
	Config *rest.Config
	// Client knows the built-in kinds, CustomResourceDefinitions and ours.
	Client client.WithWatch
	// Clientset is for what Client has no words for: logs, port-forwards.
	Clientset kubernetes.Interface
}

// Connect reaches the cluster that the options name. It fails when its API server does not answer.
func Connect(options Options) (*Cluster, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", options.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", options.Kubeconfig, err)
	}
	config.QPS = -1
	config.UserAgent = "windlass-e2e"
	c := &Cluster{Options: options, Config: config}
	if c.Client, err = client.NewWithWatch(config, client.Options{Scheme: Scheme()}); err != nil {
		return nil, fmt.Errorf("client for %s: %w", config.Host, err)
	}
	if c.Clientset, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("client for %s: %w", config.Host, err)
	}
	if _, err := c.Clientset.Discovery().ServerVersion(); err != nil {
		return nil, fmt.Errorf("the API server at %s, named by %s, does not answer; is the cluster up? %w", config.Host, options.Kubeconfig, err)
	}
	return c, nil
}

// Scheme knows the built-in kinds, CustomResourceDefinitions, cert-manager's kinds and ours.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(cmapi.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	utilruntime.Must(v1beta1.AddToScheme(scheme))
	return scheme
}

// Nodes lists, sorted by name, the nodes that run Pods without a toleration: the real ones of a cluster of ours, whose
// simulated ones are tainted.
func (c *Cluster) Nodes(ctx context.Context) ([]string, error) {
	nodes := &corev1.NodeList{}
	if err := c.Client.List(ctx, nodes); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var names []string
	for i := range nodes.Items {
		if takesPods(&nodes.Items[i]) {
			names = append(names, nodes.Items[i].Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func takesPods(node *corev1.Node) bool {
	repels := func(t corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule }
	return !node.Spec.Unschedulable && !slices.ContainsFunc(node.Spec.Taints, repels)
}
