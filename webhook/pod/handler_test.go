// SPDX-License-Identifier: Apache-2.0

package pod

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/internal/sidecar"
	build "github.com/windlass-operator/windlass/internal/testing"
)

func handler(t *testing.T, sets ...*build.SidecarSetBuilder) *Handler {
	t.Helper()
	index := sidecar.NewIndex()
	for _, b := range sets {
		set, err := sidecar.Compile(b.Obj())
		if err != nil {
			t.Fatal(err)
		}
		index.Put(set)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "a"}}}
	return &Handler{
		Sets:   index,
		Reader: fake.NewClientBuilder().WithObjects(namespace).Build(),
		Clock:  clocktesting.NewFakePassiveClock(build.Epoch),
	}
}

func review(t *testing.T, object any) admission.Request {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Operation: admissionv1.Create, Namespace: "shop",
		Object: runtime.RawExtension{Raw: raw},
	}}
}

// patched applies the response's patch to the request's object.
func patched(t *testing.T, request admission.Request, response admission.Response) *corev1.Pod {
	t.Helper()
	raw := request.Object.Raw
	if len(response.Patches) > 0 {
		data, err := json.Marshal(response.Patches)
		if err != nil {
			t.Fatal(err)
		}
		patch, err := jsonpatch.DecodePatch(data)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = patch.Apply(raw); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(raw, pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func everything() *build.SidecarSetBuilder {
	return build.MakeSidecarSet("s").Container("agent", "agent:1").Container("logs", "logs:1").NativeSidecar("mesh", "mesh:1").
		Spec(func(s *v1beta1.SidecarSetSpec) {
			s.Containers[1].PodInjectPolicy = v1beta1.AfterAppContainerType
			s.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			s.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
			s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
		}).Grace(5).Hook(v1beta1.LifecycleHook{LabelsHandler: map[string]string{"mesh/drained": "false"}})
}

// The patch and Injection.Apply are two ways to say one thing.
func TestThePatchDoesWhatTheInjectionSays(t *testing.T) {
	full := build.MakePod("full").Label("app", "web").New().InitContainer("setup", "setup:1").InitContainer("mesh", "own:1").
		Annotation("a.example/b", "c").Annotation(v1beta1.ReplacedBySidecarAnnotation, "mesh").Obj()
	full.Spec.Volumes = []corev1.Volume{{Name: "own"}}
	full.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "own"}}
	full.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "own"}}
	for name, pod := range map[string]*corev1.Pod{
		"into a bare Pod":          build.MakePod("bare").Label("app", "web").New().Obj(),
		"into a Pod that has some": full,
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(t, everything())
			request := review(t, pod)
			response := h.Handle(t.Context(), request)
			if !response.Allowed {
				t.Fatalf("denied: %+v", response.Result)
			}
			got := patched(t, request, response)

			set, err := sidecar.Compile(everything().Obj())
			if err != nil {
				t.Fatal(err)
			}
			want := pod.DeepCopy()
			injection, err := sidecar.Inject(want, []*sidecar.Set{set}, metav1.NewTime(build.Epoch))
			if err != nil {
				t.Fatal(err)
			}
			injection.Apply(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Pod (-applied +patched):\n%s", diff)
			}
			if again := h.Handle(t.Context(), review(t, got)); len(again.Patches) != 0 {
				t.Errorf("the second admission patches again: %v", again.Patches)
			}
		})
	}
}

func TestFieldsOfThePodThatNobodyKnowsSurvive(t *testing.T) {
	request := review(t, nil)
	request.Object.Raw = []byte(`{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"a","future":{"x":1}}],"tomorrow":true}}`)
	response := handler(t, everything()).Handle(t.Context(), request)
	data, err := json.Marshal(response.Patches)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := patch.Apply(request.Object.Raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"future":{"x":1}`, `"tomorrow":true`} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is lost in %s", want, got)
		}
	}
}

func TestWhichPodsAreInjected(t *testing.T) {
	set := func() *build.SidecarSetBuilder { return build.MakeSidecarSet("s").Container("agent", "agent:1") }
	namespaces := func(labels map[string]string) func(*v1beta1.SidecarSetSpec) {
		return func(s *v1beta1.SidecarSetSpec) { s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: labels} }
	}
	web := func() *build.PodBuilder { return build.MakePod("p").Label("app", "web").New() }
	finished := web().Terminating()
	finished.Obj().Status.Phase = corev1.PodFailed
	for name, test := range map[string]struct {
		set  *build.SidecarSetBuilder
		pod  *build.PodBuilder
		want bool
	}{
		"a Pod that the selector picks":         {set(), web(), true},
		"not a Pod that it does not pick":       {set(), build.MakePod("p").New(), false},
		"in a namespace that is picked":         {set().Spec(namespaces(map[string]string{"team": "a"})), web(), true},
		"not in another namespace":              {set().Spec(namespaces(map[string]string{"team": "b"})), web(), false},
		"in the one namespace that is named":    {set().Spec(func(s *v1beta1.SidecarSetSpec) { s.Namespace = "shop" }), web(), true},
		"not when another namespace is named":   {set().Spec(func(s *v1beta1.SidecarSetSpec) { s.Namespace = "bank" }), web(), false},
		"not while injection is paused":         {set().Spec(func(s *v1beta1.SidecarSetSpec) { s.InjectionStrategy.Paused = true }), web(), false},
		"not when the Pod opts out by label":    {set(), web().Label(v1beta1.SidecarInjectionKey, "false"), false},
		"not when it opts out by annotation":    {set(), web().Annotation(v1beta1.SidecarInjectionKey, "false"), false},
		"when the opt-out says something else":  {set(), web().Label(v1beta1.SidecarInjectionKey, "true"), true},
		"whatever phase its creator claims":     {set(), finished, true},
		"no set without a selector picks a Pod": {set().Selector(nil), web(), false},
	} {
		t.Run(name, func(t *testing.T) {
			request := review(t, test.pod.Obj())
			response := handler(t, test.set).Handle(t.Context(), request)
			if got := len(patched(t, request, response).Spec.Containers) == 2; !response.Allowed || got != test.want {
				t.Errorf("allowed %t with injection %t, want injection %t", response.Allowed, got, test.want)
			}
		})
	}
}

func TestWhatIsNotANewPod(t *testing.T) {
	pod := build.MakePod("p").Label("app", "web").New().Obj()
	for name, test := range map[string]struct {
		change  func(*admission.Request)
		allowed bool
		code    int32
	}{
		"another kind is a fault of the configuration": {
			func(r *admission.Request) { r.Kind = metav1.GroupVersionKind{Group: "apps", Kind: "Deployment"} }, false, http.StatusBadRequest},
		"an object that is no Pod is refused with 400": {
			func(r *admission.Request) { r.Object.Raw = []byte(`[1]`) }, false, http.StatusBadRequest},
		"an update passes unchanged": {
			func(r *admission.Request) { r.Operation = admissionv1.Update }, true, http.StatusOK},
		"a subresource passes unchanged": {
			func(r *admission.Request) { r.SubResource = "status" }, true, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			request := review(t, pod)
			test.change(&request)
			response := handler(t, everything()).Handle(t.Context(), request)
			if response.Allowed != test.allowed || response.Result.Code != test.code || len(response.Patches) != 0 {
				t.Errorf("got %t %+v with %d patches, want %t %d with none", response.Allowed, response.Result, len(response.Patches), test.allowed, test.code)
			}
		})
	}
}

func TestAnErrorOfOursNeverDeniesAPod(t *testing.T) {
	h := handler(t, everything().Spec(inTeamA))
	h.Reader = brokenReader()
	response := h.Handle(t.Context(), review(t, build.MakePod("p").Label("app", "web").New().Obj()))
	if !response.Allowed || len(response.Warnings) != 1 || !strings.Contains(response.Warnings[0], "the cache is not synced") {
		t.Errorf("allowed %t, warnings %q", response.Allowed, response.Warnings)
	}
}

func brokenReader() client.Reader {
	return interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errors.New("the cache is not synced")
		},
	})
}

func inTeamA(s *v1beta1.SidecarSetSpec) {
	s.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
}

func TestAnErrorOfOursKeepsAPodOutWhereInjectionIsEnforced(t *testing.T) {
	h := handler(t, everything().Spec(inTeamA))
	h.Reader, h.Enforced = brokenReader(), true
	response := h.Handle(t.Context(), review(t, build.MakePod("p").Label("app", "web").New().Obj()))
	const want = "no sidecar could be injected, and namespace shop takes no Pod without (its label apps.kruise.io/injection is enforced): " +
		"read the labels of namespace shop: the cache is not synced"
	if response.Allowed || response.Result.Code != http.StatusInternalServerError || response.Result.Message != want {
		t.Errorf("allowed %t, %+v; want 500: %s", response.Allowed, response.Result, want)
	}
}

func TestANamespaceThatTheCacheDoesNotKnowYetIsReadLive(t *testing.T) {
	for name, test := range map[string]struct {
		cache client.Reader
		want  bool
	}{
		"one that is not there yet":       {fake.NewClientBuilder().Build(), true},
		"but not after every other error": {brokenReader(), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(t, everything().Spec(inTeamA))
			h.Live, h.Reader = h.Reader, test.cache
			response := h.Handle(t.Context(), review(t, build.MakePod("p").Label("app", "web").New().Obj()))
			if !response.Allowed || (len(response.Patches) > 0) != test.want {
				t.Errorf("allowed %t with %d patches and warnings %q, want injection %t", response.Allowed, len(response.Patches), response.Warnings, test.want)
			}
		})
	}
}

func TestTheKindOfARequestIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		kind metav1.GroupVersionKind
		want string
	}{
		"no kind": {metav1.GroupVersionKind{}, "the body is not an AdmissionReview of a Pod: its request.kind is missing"},
		"another kind": {metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
			"/mutate-pod and /mutate-pod-enforced are served for Pods, not for Deployment.apps: correct the rules of the webhook configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			request := review(t, nil)
			request.Kind = test.kind
			response := handler(t, everything()).Handle(t.Context(), request)
			if diff := cmp.Diff(test.want, response.Result.Message); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// Only the webhook says what it left out, and it says nothing else.
func TestARecordOfObstaclesIsTheWebhooksOwn(t *testing.T) {
	const nameTaken = `{"s":{"reason":"NameTaken","message":"its container \"app\" has the name of a container of this Pod; rename one of the two","revision":"s-1"}}`
	mesh := func() *build.SidecarSetBuilder {
		b := build.MakeSidecarSet("s").Container("app", "agent:1")
		b.Obj().Status.LatestRevision = "s-1"
		return b
	}
	for name, test := range map[string]struct {
		set         *build.SidecarSetBuilder
		labels      string
		annotations map[string]string
		want        map[string]string
	}{
		"what was left out is recorded": {mesh(), "web", nil, map[string]string{v1beta1.SidecarSetOmittedAnnotation: nameTaken}},
		"a forged one is overwritten": {mesh(), "web", map[string]string{v1beta1.SidecarSetOmittedAnnotation: "{}"},
			map[string]string{v1beta1.SidecarSetOmittedAnnotation: nameTaken}},
		"and removed where nothing is left out": {mesh(), "other", map[string]string{v1beta1.SidecarSetOmittedAnnotation: nameTaken}, map[string]string{}},
		"there is no record where there is no room": {mesh(), "web", map[string]string{"a": strings.Repeat("x", 256<<10-50)},
			map[string]string{"a": strings.Repeat("x", 256<<10-50)}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := build.MakePod("p").Label("app", test.labels).New().Obj()
			pod.Annotations = test.annotations
			request := review(t, pod)
			response := handler(t, test.set).Handle(t.Context(), request)
			if diff := cmp.Diff(test.want, patched(t, request, response).Annotations, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}
