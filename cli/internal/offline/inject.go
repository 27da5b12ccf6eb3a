// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/podtemplate"
	"github.com/windlass-operator/windlass/internal/sidecar"
	"github.com/windlass-operator/windlass/webhook/pod"
	"github.com/windlass-operator/windlass/webhook/pod/validity"
)

// Injected is what becomes of a Pod.
type Injected struct {
	// Name is the Pod's, or what its controller's begins with.
	Name string
	// Object is the Pod as it would be stored.
	Object map[string]any
	// Warnings are those of the webhook.
	Warnings []string
	// Refused is why the Pod would not be created, "" when it would.
	Refused string
	// Unserved: the webhooks leave the namespace out.
	Unserved bool
}

// Options are what files do not say.
type Options struct {
	// Namespace is that of Pods which name none.
	Namespace string
	// Labels are those of namespaces that are in no file.
	Labels map[string]string
	// Now is when it happens.
	Now time.Time
}

// Inject has the webhook's own handler answer for the creation of each Pod.
func Inject(ctx context.Context, files *Files, o Options) ([]*Injected, error) {
	handler, err := NewInjector(files, o)
	if err != nil {
		return nil, err
	}
	var out []*Injected
	for _, object := range files.Pods {
		if object.Namespace == "" {
			object.Namespace = o.Namespace
		}
		injected, err := inject(ctx, handler, object.DeepCopy())
		if err != nil {
			return nil, err
		}
		out = append(out, injected)
	}
	return out, nil
}

// NewInjector makes the webhook's handler in a cluster that has what the files have.
func NewInjector(files *Files, o Options) (*pod.Handler, error) {
	index := sidecar.NewIndex()
	for _, object := range files.SidecarSets {
		set, err := sidecar.Compile(object)
		if err != nil {
			return nil, err
		}
		index.Put(set)
	}
	return &pod.Handler{
		Sets: index, Reader: namespaces{files: files, labels: o.Labels}, Validity: validity.NewValidator(),
		Clock: clocktesting.NewFakePassiveClock(o.Now),
	}, nil
}

func inject(ctx context.Context, handler *pod.Handler, object *corev1.Pod) (*Injected, error) {
	namespace := &corev1.Namespace{}
	if err := handler.Reader.Get(ctx, client.ObjectKey{Name: object.Namespace}, namespace); err != nil {
		return nil, err
	}
	// As the API server does before it asks.
	defaulted := podtemplate.Defaulted(&corev1.PodTemplateSpec{ObjectMeta: object.ObjectMeta, Spec: object.Spec})
	object.ObjectMeta, object.Spec = defaulted.ObjectMeta, defaulted.Spec
	before, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	out := &Injected{Name: object.Name + object.GenerateName}
	if namespace.Labels[v1beta1.InjectionLabel] == v1beta1.InjectionDisabled {
		out.Unserved = true
		return out, json.Unmarshal(before, &out.Object)
	}
	asked := *handler
	asked.Enforced = namespace.Labels[v1beta1.InjectionLabel] == v1beta1.InjectionEnforced
	response := asked.Handle(ctx, admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Operation: admissionv1.Create,
		Namespace: object.Namespace, Name: object.Name, Object: runtime.RawExtension{Raw: before},
	}})
	out.Warnings = response.Warnings
	if !response.Allowed {
		out.Refused = response.Result.Message
		return out, nil
	}
	after, err := patched(before, &response)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(after, &out.Object)
}

// patched applies what the webhook answers, as the API server does.
func patched(before []byte, response *admission.Response) ([]byte, error) {
	if len(response.Patches) == 0 {
		return before, nil
	}
	operations, err := json.Marshal(response.Patches)
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		return nil, err
	}
	return patch.Apply(before)
}

// namespaces are those of the files. Every other one has the labels that were given, and its name as the API server
// gives it.
type namespaces struct {
	client.Reader
	files  *Files
	labels map[string]string
}

// Get reads a Namespace, and nothing else.
func (n namespaces) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	namespace, ok := into.(*corev1.Namespace)
	if !ok {
		return fmt.Errorf("without a cluster there is no %T", into)
	}
	namespace.Name, namespace.Labels = key.Name, maps.Clone(n.labels)
	if known := n.files.Namespaces[key.Name]; known != nil {
		namespace.Labels = maps.Clone(known.Labels)
	}
	metav1.SetMetaDataLabel(&namespace.ObjectMeta, corev1.LabelMetadataName, key.Name)
	return nil
}
