// SPDX-License-Identifier: Apache-2.0

package suites_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"text/template"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	kruisev1alpha1 "github.com/openkruise/kruise-api/apps/v1alpha1"
	kruise "github.com/openkruise/kruise-api/client/clientset/versioned"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/framework"
)

// The same SidecarSet as people write it in each version of the API.
const (
	manifestV1alpha1 = `
apiVersion: apps.kruise.io/v1alpha1
kind: SidecarSet
metadata:
  name: {{.Name}}
  labels: {apps.kruise.io/sidecarset-custom-version: "{{.Version}}"}
spec:
  namespace: {{.Namespace}}
  selector: {matchLabels: {app: app}}
  updateStrategy: {type: RollingUpdate, maxUnavailable: 1}
` + manifestContainers
	manifestV1beta1 = `
apiVersion: apps.kruise.io/v1beta1
kind: SidecarSet
metadata:
  name: {{.Name}}
spec:
  customVersion: "{{.Version}}"
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{.Namespace}}}}
  selector: {matchLabels: {app: app}}
  updateStrategy: {type: RollingUpdate, maxUnavailable: 1}
` + manifestContainers
	manifestContainers = `
  containers:
  - name: sidecar
    image: {{.Image}}
    podInjectPolicy: AfterAppContainer
    env: [{name: APP_ADDR, value: ":8081"}]
    readinessProbe: {httpGet: {path: /readyz, port: 8081}, periodSeconds: 1}
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  volumes:
  - {name: scratch, emptyDir: {}}
`
)

// manifest is what differs between two uses of a manifest.
type manifest struct{ Name, Namespace, Version, Image string }

var _ = Describe("Other people's clients", func() {
	It("roll the same sidecar in the same way in v1alpha1 and v1beta1, with kubectl and OpenKruise's Go client", func(ctx SpecContext) {
		config, said := cluster.Hearing()
		clients, err := kruise.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())

		By("v1alpha1, applied with kubectl, changed with the Go client, which is told of a field that it drops")
		alpha := applyManifest(ctx, manifestV1alpha1)
		changeSet(ctx, alpha.set, func(s *v1beta1.SidecarSet) { s.Spec.UpdateStrategy.MinReadySeconds = 1 })
		awaitKnown(ctx, alpha.set) // or its status is written in between
		set, err := clients.AppsV1alpha1().SidecarSets().Get(ctx, alpha.set, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(set.Spec.Namespace).To(Equal(alpha.namespace))
		Expect(set.Status.MatchedPods).To(Equal(int32(2)))
		set.Spec.Containers[0].Image = framework.SidecarImageV2
		set.Labels[kruisev1alpha1.SidecarSetCustomVersionLabel] = "second"
		_, err = clients.AppsV1alpha1().SidecarSets().Update(ctx, set, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(said.Take()).To(ConsistOf(HavePrefix("spec: this write takes out updateStrategy.minReadySeconds (was 1; now 0). A client that does not")))
		waitUpdated(ctx, alpha.set)

		By("v1beta1, applied and changed with kubectl")
		beta := applyManifest(ctx, manifestV1beta1)
		kubectl(ctx, "", "patch", "sidecarset", beta.set, "--type=json", "--patch",
			`[{"op":"replace","path":"/spec/containers/0/image","value":"`+framework.SidecarImageV2+`"},{"op":"replace","path":"/spec/customVersion","value":"second"}]`)
		waitUpdated(ctx, beta.set)

		first, second := alpha.outcome(ctx), beta.outcome(ctx)
		Expect(first).To(Equal(second), "the outcome of v1alpha1 is that of v1beta1")
		Expect(first.Counters).To(Equal(counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2}))
		expectInPlace(alpha.before, alpha.pods(ctx), framework.SidecarImageV2)
		expectInPlace(beta.before, beta.pods(ctx), framework.SidecarImageV2)

		By("the Go client reads what v1beta1 wrote")
		read, err := clients.AppsV1alpha1().SidecarSets().Get(ctx, beta.set, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(read.Spec.Containers[0].Image).To(Equal(framework.SidecarImageV2))
		Expect(read.Status).To(And(HaveField("UpdatedReadyPods", int32(2)), HaveField("LatestRevision", HavePrefix(beta.set))))
	}, SpecTimeout(framework.SpecPatience))
})

// applyManifest applies a manifest with kubectl and runs two Pods with its sidecar.
func applyManifest(ctx context.Context, text string) *rollout {
	GinkgoHelper()
	r := &rollout{namespace: newNamespace(ctx, nil)}
	r.set = r.namespace
	var rendered bytes.Buffer
	Expect(template.Must(template.New("").Parse(text)).Execute(&rendered,
		manifest{Name: r.set, Namespace: r.namespace, Version: "first", Image: framework.SidecarImage})).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.DeleteSidecarSet(ctx, r.set)).To(Succeed()) })
	Expect(kubectl(ctx, rendered.String(), "apply", "--filename", "-")).To(ContainSubstring("created"))
	awaitKnown(ctx, r.set)
	awaitInjection(ctx, r.namespace, r.set)
	r.deployment = framework.Deployment(r.namespace, "app", 2)
	r.before = runWorkload(ctx, r.deployment)
	awaitCounters(ctx, r.set, counters{Matched: 2, Updated: 2, Ready: 2, UpdatedReady: 2})
	return r
}

// waitUpdated waits with kubectl until the rollout is done, and reads its columns.
func waitUpdated(ctx context.Context, set string) {
	GinkgoHelper()
	kubectl(ctx, "", "wait", "sidecarset", set, "--for=condition=Ready", kubectlPatience)
	kubectl(ctx, "", "wait", "sidecarset", set, "--for=jsonpath={.status.updatedReadyPods}=2", kubectlPatience)
	columns := strings.Fields(kubectl(ctx, "", "get", "sidecarset", set, "--no-headers"))
	Expect(columns).To(HaveLen(7), "then AGE STATUS SINCE")
	Expect(columns[5]).To(Equal("Complete"))
	Expect(columns[:4]).To(Equal([]string{set, "2", "2", "2"}), "NAME MATCHED UPDATED READY")
}

// kubectl runs kubectl on the cluster and returns what it prints.
func kubectl(ctx context.Context, input string, args ...string) string {
	GinkgoHelper()
	path, err := exec.LookPath("kubectl")
	Expect(err).NotTo(HaveOccurred(), "kubectl must be in PATH; cluster env puts the cluster's own there")
	command := exec.CommandContext(ctx, path, append([]string{"--kubeconfig", options.Kubeconfig}, args...)...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(args, " "), output)
	return string(output)
}

// rolled is what became of a SidecarSet and its Pods, without what is different each time: names and times.
type rolled struct {
	Counters   counters
	Conditions map[string]string
	Hashes     map[string]string
	Revisions  []recordedRevision
	Pods       []rolledPod
}

type recordedRevision struct {
	Number              int64
	CustomVersion, Data string
}

type rolledPod struct {
	Containers           []string
	Image                string
	Env                  []corev1.EnvVar
	Restarts             int32
	Hash, HashNoImage    string
	SidecarList          []string
	InjectedListIsTheSet bool
}

func (r *rollout) outcome(ctx context.Context) rolled {
	GinkgoHelper()
	set, err := cluster.GetSidecarSet(ctx, r.set)
	Expect(err).NotTo(HaveOccurred())
	out := rolled{Counters: countersOf(set), Conditions: map[string]string{}, Hashes: map[string]string{}}
	for i := range set.Status.Conditions {
		c := &set.Status.Conditions[i]
		out.Conditions[c.Type] = string(c.Status) + " " + c.Reason
	}
	for _, key := range []string{v1beta1.SidecarSetHashAnnotation, v1beta1.SidecarSetHashWithoutImageAnnotation} {
		out.Hashes[key] = set.Annotations[key]
	}
	for _, revision := range r.revisions(ctx) {
		var data bytes.Buffer
		Expect(json.Compact(&data, revision.Data.Raw)).To(Succeed())
		out.Revisions = append(out.Revisions, recordedRevision{
			revision.Revision, revision.Labels[v1beta1.SidecarSetCustomVersionLabel], data.String()})
	}
	for _, pod := range r.pods(ctx) {
		out.Pods = append(out.Pods, r.rolledPod(&pod))
	}
	return out
}

func (r *rollout) rolledPod(pod *corev1.Pod) rolledPod {
	GinkgoHelper()
	sidecar := framework.Container(pod, framework.SidecarContainer)
	hash := records(pod, v1beta1.SidecarSetHashAnnotation)[r.set]
	return rolledPod{
		Containers:           containerNames(pod.Spec.Containers),
		Image:                sidecar.Image,
		Env:                  sidecar.Env,
		Restarts:             framework.ContainerStatus(pod, framework.SidecarContainer).RestartCount,
		Hash:                 hash.Hash,
		HashNoImage:          records(pod, v1beta1.SidecarSetHashWithoutImageAnnotation)[r.set].Hash,
		SidecarList:          hash.SidecarList,
		InjectedListIsTheSet: pod.Annotations[v1beta1.SidecarSetInjectedListAnnotation] == r.set,
	}
}
