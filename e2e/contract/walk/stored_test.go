// SPDX-License-Identifier: Apache-2.0

package walk

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/contract"
)

// The objects on which tools are tried in package contract were not read from an API server. They have to be such as it
// stores them, defaults filled in.
var _ = DescribeTable("The phases of a kind are objects as an API server stores them",
	func(ctx SpecContext, kind string) {
		files, err := filepath.Glob(filepath.Join(root, "operator", strings.ToLower(kind), "testdata", "phases", "*.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(files).NotTo(BeEmpty())
		r := readerOf(kind)
		for _, file := range files {
			object, err := contract.ReadObject(file)
			Expect(err).NotTo(HaveOccurred())
			stored := &unstructured.Unstructured{Object: map[string]any{"spec": object.DeepCopy().Object["spec"]}}
			stored.SetGroupVersionKind(object.GroupVersionKind())
			stored.SetNamespace(object.GetNamespace())
			stored.SetName(object.GetName())
			Expect(k8s.Create(ctx, stored, client.DryRunAll)).To(Succeed(), file)
			Expect(stored.Object["spec"]).To(Equal(object.Object["spec"]), file)

			// Whatever is new is read like the object that stands for it.
			unseen, err := contract.ReadObject(filepath.Join(filepath.Dir(file), "unseen.yaml"))
			Expect(err).NotTo(HaveOccurred())
			Expect(r.read(stored)).To(Equal(r.read(unseen)), file)
		}
	},
	Entry(nil, "StatefulSet"), Entry(nil, "SidecarSet"), Entry(nil, "SchedPatch"),
)
