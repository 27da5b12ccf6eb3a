// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestWorkloadOfAPod(t *testing.T) {
	type labels = map[string]string
	for name, test := range map[string]struct {
		kind, owner string
		labels      labels
		want        string
	}{
		"nothing made it":                      {"", "", nil, "Pod shop/p"},
		"a StatefulSet":                        {"StatefulSet", "db", nil, "StatefulSet shop/db"},
		"a ReplicaSet of a Deployment":         {"ReplicaSet", "cart-5f6d", labels{"pod-template-hash": "5f6d"}, "Deployment shop/cart"},
		"one of a Deployment named like that":  {"ReplicaSet", "cart-a-5f6d", labels{"pod-template-hash": "5f6d"}, "Deployment shop/cart-a"},
		"one of a Rollout":                     {"ReplicaSet", "cart-5f6d", labels{"rollouts-pod-template-hash": "5f6d"}, "Rollout shop/cart"},
		"a ReplicaSet that somebody wrote":     {"ReplicaSet", "cart-5f6d", nil, "ReplicaSet shop/cart-5f6d"},
		"another hash than its name has":       {"ReplicaSet", "cart-5f6d", labels{"pod-template-hash": "77aa"}, "ReplicaSet shop/cart-5f6d"},
		"the hash without the hyphen":          {"ReplicaSet", "cart5f6d", labels{"pod-template-hash": "5f6d"}, "ReplicaSet shop/cart5f6d"},
		"nothing but the hash":                 {"ReplicaSet", "-5f6d", labels{"pod-template-hash": "5f6d"}, "ReplicaSet shop/-5f6d"},
		"a label that says nothing":            {"ReplicaSet", "cart-", labels{"pod-template-hash": ""}, "ReplicaSet shop/cart-"},
		"a Job whose Pods carry such a label":  {"Job", "cart-5f6d", labels{"pod-template-hash": "5f6d"}, "Job shop/cart-5f6d"},
		"a controller of a kind of its author": {"Foo", "cart", nil, "Foo shop/cart"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", Labels: test.labels}}
			if test.kind != "" {
				pod.OwnerReferences = []metav1.OwnerReference{
					{Kind: "Other", Name: "not-the-controller"}, {Kind: test.kind, Name: test.owner, Controller: ptr.To(true)},
				}
			}
			if got := Of(pod).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
