// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/api/v1beta1"
	"github.com/windlass-operator/windlass/e2e/browser"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

// noStreams has streams of pages break, until somebody sets window.streams.
const noStreams = `(() => {
  const Real = window.EventSource;
  window.EventSource = function (url) {
    if (window.streams) return new Real(url);
    const broken = { close() {} };
    setTimeout(() => broken.onerror());
    return broken;
  };
})()`

// tabTo presses the tabulator until the focus is on something.
func tabTo(text string) {
	GinkgoHelper()
	const most = 30
	for range most {
		Expect(chrome.Tab()).To(Succeed())
		f, err := chrome.Focused()
		Expect(err).NotTo(HaveOccurred())
		if f.Text == text {
			Expect(f.Seen).To(BeTrue(), "%+v is seen", f)
			return
		}
	}
	Fail(text + " cannot be reached")
}

// paused is how a set is to be after the button.
func paused(ctx SpecContext, set *v1beta1.StatefulSet) func() (bool, error) {
	return func() (bool, error) {
		err := k8s.Get(ctx, client.ObjectKeyFromObject(set), set)
		rolling := set.Spec.UpdateStrategy.RollingUpdate
		return rolling != nil && rolling.Paused, err
	}
}

var _ = Describe("The dashboard", func() {
	It("shows what is in the cluster, and what becomes of it", func(ctx SpecContext) {
		addNodes(ctx)
		home := namespace(ctx)
		set := statefulSet(ctx, home, "web", 6)
		url := dashboard(plugin)
		Expect(chrome.Go(url)).To(Succeed())
		Eventually(said("#rollouts")).Should(And(ContainSubstring("asts/web"), ContainSubstring("Rolling 3/6"), ContainSubstring(home)))
		Expect(chrome.Go(url + "asts/" + home + "/web")).To(Succeed())
		Eventually(said("#groups")).Should(And(ContainSubstring("at web-2, the current revision"), ContainSubstring(home+"/web-5"), ContainSubstring("eu-1b")))
		Expect(chrome.Text("#spread")).To(And(ContainSubstring("eu-1a"), ContainSubstring("1 ready")))
		Eventually(said("#live")).Should(Equal("live"))
		Expect(chrome.Errors()).To(BeEmpty(), "what the console says")

		By("keeping the page, and the focus")
		_, err := browser.Ask[bool](chrome, `(window.kept = true, document.getElementById("pod_`+home+`_web-5").querySelector("a").focus(), true)`)
		Expect(err).NotTo(HaveOccurred())
		began := time.Now()
		breakPod(ctx, home, "web-4")
		Eventually(said("#groups")).Should(ContainSubstring("image registry.example/app:1 cannot be pulled: not found (ErrImagePull)"))
		figure("a change of a Pod", "was on the page %s after it was written", time.Since(began).Round(time.Millisecond))
		Expect(browser.Ask[bool](chrome, "window.kept === true")).To(BeTrue())
		Expect(chrome.Focused()).To(HaveField("Home", "pod_"+home+"_web-5"))
		picture("object")

		By("saying what has changed")
		report(ctx, set, "Complete")
		Eventually(said("#said")).Should(Equal("asts/web: Complete."))
		Expect(chrome.Text("#head")).To(ContainSubstring("All Pods are available."))
	}, SpecTimeout(apiserver.Patience))

	It("is there at once with 2,000 Pods, and tells soon", func(ctx SpecContext) {
		addNodes(ctx)
		home := namespace(ctx)
		statefulSet(ctx, home, "big", 2000)
		url := dashboard(plugin)
		page := url + "asts/" + home + "/big"
		Expect(chrome.Go(url)).To(Succeed())
		first, err := chrome.FirstPaint()
		Expect(err).NotTo(HaveOccurred())
		Expect(chrome.Go(page)).To(Succeed())
		Eventually(said("#groups")).Should(And(ContainSubstring("1000 ready"), ContainSubstring("and 990 more")))
		Expect(chrome.Go(page)).To(Succeed())
		second, err := chrome.FirstPaint()
		Expect(err).NotTo(HaveOccurred())
		figure("first paint", "table after %.0f ms, a set of 2,000 Pods after %.0f ms", first, second)
		size, err := browser.Ask[int](chrome, "document.documentElement.outerHTML.length")
		Expect(err).NotTo(HaveOccurred())
		figure("the page of 2,000 Pods", "has %d kB", size/1000)
		Eventually(said("#live")).Should(Equal("live"))
		for i := range 5 {
			name := fmt.Sprintf("big-%d", 1000+i)
			began := time.Now()
			breakPod(ctx, home, name)
			Eventually(said("#groups")).Should(ContainSubstring(home + "/" + name))
			Eventually(said("#groups")).Should(ContainSubstring(fmt.Sprintf("%d in trouble", i+1)))
			figure("a change of one of 2,000 Pods", "was on the page %s after it was written", time.Since(began).Round(time.Millisecond))
		}
		picture("many")

		By("pages of a group")
		Expect(browser.Ask[bool](chrome, `(document.querySelector(".more a").click(), true)`)).To(BeTrue())
		Eventually(said("nav.pages")).Should(ContainSubstring("1 to 100 of 1000"))
		Expect(browser.Ask[int](chrome, `document.querySelectorAll(".podlist li").length`)).To(Equal(100))
	}, SpecTimeout(apiserver.Patience))

	It("is used by the keyboard alone", func(ctx SpecContext) {
		addNodes(ctx)
		home := namespace(ctx)
		set := statefulSet(ctx, home, "web", 4)
		url := dashboard(plugin, "-n", home)
		Expect(chrome.Go(url)).To(Succeed())
		Eventually(said("#live")).Should(Equal("live"))
		walk, err := chrome.Walk(50)
		Expect(err).NotTo(HaveOccurred())
		var texts []string
		for _, f := range walk {
			Expect(f.Seen).To(BeTrue(), "%+v is seen", f)
			texts = append(texts, f.Text)
		}
		Expect(texts).To(Equal([]string{"Skip to the content", "Windlass", "Rollouts", "Excluded nodes", "asts/web"}))

		By("skipping what is on every page")
		Expect(chrome.Go(url)).To(Succeed())
		Eventually(said("#live")).Should(Equal("live"))
		Expect(chrome.Tab()).To(Succeed())
		Expect(chrome.Press("\r")).To(Succeed())
		Expect(chrome.Tab()).To(Succeed())
		Expect(chrome.Focused()).To(HaveField("Text", "asts/web"))

		By("following a row with the space bar, and pressing a button")
		Expect(chrome.Press(" ")).To(Succeed())
		Eventually(said("h1")).Should(Equal("asts/web " + home))
		Eventually(said("#live")).Should(Equal("live"))
		Expect(chrome.Text("#actions")).To(ContainSubstring("kubectl windlass pause asts/web -n " + home))
		tabTo("Pause")
		Expect(chrome.Press("\r")).To(Succeed())
		Eventually(paused(ctx, set)).Should(BeTrue())
		Eventually(said(".note")).Should(ContainSubstring("asts/web is paused: no further Pod is updated"))
		Expect(chrome.Text("#actions")).To(ContainSubstring("Resume"))

		By("opening a version, which stays open while the page changes")
		Expect(browser.Ask[bool](chrome, `(document.querySelector("#revision_1 summary").focus(), true)`)).To(BeTrue())
		Expect(chrome.Press(" ")).To(Succeed())
		Eventually(said("#revision_1")).Should(And(ContainSubstring("registry.example/app:0"), ContainSubstring("undo asts/web --to-revision 1")))
		breakPod(ctx, home, "web-0")
		Eventually(said("#groups")).Should(ContainSubstring("cannot be pulled"))
		Expect(browser.Ask[bool](chrome, `document.querySelector("#revision_1").open`)).To(BeTrue())
		picture("history")
	}, SpecTimeout(apiserver.Patience))

	It("is for light and dark, for narrow windows and for screen readers", func(ctx SpecContext) {
		addNodes(ctx)
		home := namespace(ctx)
		statefulSet(ctx, home, "web", 24)
		breakPod(ctx, home, "web-3")
		managed := statefulSet(ctx, home, "orders", 2)
		managed.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps.kruise.io/StatefulSet:" + home + "/orders"}
		Expect(k8s.Update(ctx, managed)).To(Succeed())
		report(ctx, managed, "Complete")
		set := sidecarSet(ctx, home)
		patch := schedPatch(ctx, home)
		url := dashboard(plugin, "-n", home)
		pages := map[string]string{
			"table": "", "statefulset": "asts/" + home + "/web", "managed": "asts/" + home + "/orders", "sidecarset": "sidecarset/" + set,
			"schedpatch": "schedpatch/" + home + "/" + patch, "why": "pod/" + home + "/web-3", "exclusions": "exclusions", "nothing": "nothing",
		}
		for _, dark := range []bool{false, true} {
			Expect(chrome.Dark(dark)).To(Succeed())
			for name, path := range pages {
				for _, width := range []int64{1200, 360} {
					Expect(chrome.Size(width, 900)).To(Succeed())
					Expect(chrome.Go(url + path)).To(Succeed())
					Eventually(said("#notices")).Should(BeEmpty())
					Expect(browser.Ask[bool](chrome, `(document.querySelectorAll("details").forEach((d) => d.open = true), true)`)).To(BeTrue())
					look := fmt.Sprintf("%s, dark %v, width %d", name, dark, width)
					Expect(chrome.Faint()).To(BeEmpty(), "too little contrast: %s", look)
					Expect(chrome.Faults()).To(BeEmpty(), look)
					picture(fmt.Sprintf("%s-%v-%d", name, dark, width))
				}
			}
		}
		Expect(chrome.Go(url + pages["managed"])).To(Succeed())
		Expect(chrome.Text("#actions")).To(Equal("Pause"))
		Expect(browser.Ask[bool](chrome, `(document.querySelector("#actions summary").click(), true)`)).To(BeTrue())
		Expect(chrome.Text("#actions")).To(And(ContainSubstring("asts/orders is managed by Argo CD (Application shop)"),
			ContainSubstring("spec.updateStrategy.rollingUpdate.paused: true")))
		Expect(chrome.Go(url + pages["schedpatch"])).To(Succeed())
		Expect(chrome.Text("#nodes")).To(And(ContainSubstring("Kept: 1"), ContainSubstring("node-eu-1a"), ContainSubstring("Lost: 2"),
			ContainSubstring("node-eu-1b")))
	}, SpecTimeout(apiserver.Patience))

	It("asks where streams do not come through, and needs no scripts", func(ctx SpecContext) {
		home := namespace(ctx)
		set := statefulSet(ctx, home, "web", 2)
		url := dashboard(plugin)
		page := url + "asts/" + home + "/web"
		undo, err := chrome.Before(noStreams)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(undo()).To(Succeed()) })
		Expect(chrome.Go(page)).To(Succeed())
		Eventually(said("#live")).Should(Equal("asked every 2 seconds"))
		breakPod(ctx, home, "web-1")
		Eventually(said("#groups")).Should(ContainSubstring("cannot be pulled"))
		Expect(browser.Ask[bool](chrome, "window.streams = true")).To(BeTrue())
		Eventually(said("#live")).Should(Equal("live"), "a stream is tried again")

		Expect(chrome.Scripts(false)).To(Succeed())
		DeferCleanup(func() { Expect(chrome.Scripts(true)).To(Succeed()) })
		Expect(chrome.Go(page)).To(Succeed())
		Eventually(said("#live")).Should(Equal("Loaded again every 5 seconds"))
		report(ctx, set, "Complete")
		Eventually(said("#head")).Should(ContainSubstring("Complete"))
	}, SpecTimeout(apiserver.Patience))

	It("says what one may not see", func(ctx SpecContext) {
		home, other := namespace(ctx), namespace(ctx)
		statefulSet(ctx, home, "web", 2)
		statefulSet(ctx, other, "secret", 2)
		role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "developer"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"apps.kruise.io"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{"apps"}, Resources: []string{"controllerrevisions"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}},
		}}
		Expect(k8s.Create(ctx, role)).To(Succeed())
		Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "developer"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "developer"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "dev"}},
		})).To(Succeed())
		url := dashboard(plugin.As(kubeconfig("dev")), "-n", home)
		Expect(chrome.Go(url)).To(Succeed())
		Eventually(said("#rollouts")).Should(ContainSubstring("asts/web"))
		Expect(chrome.Text("#rollouts")).NotTo(ContainSubstring("secret"))
		Expect(chrome.Text("#notices")).To(And(
			ContainSubstring("Cannot list sidecarsets.apps.kruise.io: sidecarsets.apps.kruise.io is forbidden"),
			ContainSubstring("In namespace "+home+" alone you may list statefulsets.apps.kruise.io, schedpatches.apps.kruise.io, pods, "+
				"controllerrevisions.apps, and those of others are not shown."),
			ContainSubstring("You may list, and not watch, pods: what is shown of them is up to 10s old.")))
		Expect(chrome.Go(url + "asts/" + home + "/web")).To(Succeed())
		Eventually(said("#groups")).Should(ContainSubstring(home + "/web-0"))
		Expect(chrome.Text("#notices")).To(ContainSubstring("zones are not known"))
		breakPod(ctx, home, "web-0")
		Eventually(said("#groups")).Should(ContainSubstring("cannot be pulled"))
		Expect(browser.Ask[bool](chrome, `(document.querySelector("#actions button").click(), true)`)).To(BeTrue())
		Eventually(said(".note.failed")).Should(ContainSubstring("cannot patch resource"))
	}, SpecTimeout(apiserver.Patience))

	It("says that it has ended", func(ctx SpecContext) {
		d, err := plugin.Dashboard(ctx, "--read-only")
		Expect(err).NotTo(HaveOccurred())
		Expect(chrome.Go(d.URL)).To(Succeed())
		Eventually(said("#live")).Should(Equal("live"))
		Expect(strings.Contains(d.URL, "127.0.0.1")).To(BeTrue())
		Expect(d.Stop()).To(Succeed())
		Eventually(said("#trouble")).Should(ContainSubstring("is kubectl windlass dashboard still running?"))
		Expect(chrome.Text("#live")).To(Equal("not connected"))
		Expect(chrome.Go("about:blank")).To(Succeed())
		chrome.Forget()
	}, SpecTimeout(apiserver.Patience))
})
