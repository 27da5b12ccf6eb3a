// SPDX-License-Identifier: Apache-2.0

// Package dashboard_test looks at kubectl windlass dashboard in a real Chromium, of a real API server. What controllers and
// kubelets would write, the specs write.
package dashboard_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/windlass-operator/windlass/e2e/browser"
	"github.com/windlass-operator/windlass/e2e/framework"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
)

var (
	server *apiserver.Server
	k8s    client.WithWatch
	plugin *framework.Plugin
	chrome *browser.Browser
)

func TestDashboard(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(apiserver.Patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	EnforceDefaultTimeoutsWhenUsingContexts()
	RunSpecs(t, "The dashboard in a browser")
}

var _ = BeforeSuite(func() {
	if browser.Find() == "" {
		const missing = "there is no Chromium: apt-get install chromium, or name it by WINDLASS_CHROMIUM"
		if os.Getenv(browser.Required) != "" {
			Fail(missing)
		}
		Skip(missing)
	}
	server = apiserver.Start(nil)
	k8s = server.Client
	var err error
	plugin, err = (&framework.Cluster{Options: framework.Options{
		Kubeconfig: kubeconfig("admin", "system:masters"), Chart: filepath.Join(apiserver.Root(), "charts", "windlass"),
	}}).Plugin(context.Background())
	Expect(err).NotTo(HaveOccurred())
	chrome, err = browser.Open()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(chrome.Close)
})

// kubeconfig writes one of a user.
func kubeconfig(name string, groups ...string) string {
	GinkgoHelper()
	user, err := server.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	Expect(err).NotTo(HaveOccurred())
	content, err := user.KubeConfig()
	Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(GinkgoT().TempDir(), name+".conf")
	Expect(os.WriteFile(path, content, 0o600)).To(Succeed())
	return path
}

// dashboard starts one, until the spec ends, and makes the window as people have it.
func dashboard(p *framework.Plugin, flags ...string) string {
	GinkgoHelper()
	d, err := p.Dashboard(context.Background(), flags...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		Expect(chrome.Go("about:blank")).To(Succeed())
		Expect(d.Stop()).To(Succeed())
		Expect(chrome.Elsewhere(d.URL)).To(BeEmpty(), "requests to others")
		chrome.Forget()
	})
	Expect(chrome.Size(1200, 900)).To(Succeed())
	Expect(chrome.Dark(false)).To(Succeed())
	return d.URL
}

// said is what the page says in an element.
func said(selector string) func() (string, error) {
	return func() (string, error) { return chrome.Text(selector) }
}

// figure shows a measured value in the report of the spec, also when it passes.
func figure(name, format string, args ...any) {
	GinkgoHelper()
	AddReportEntry(name, fmt.Sprintf(format, args...))
}

// picture keeps a picture of the page, if somebody wants pictures.
func picture(name string) {
	GinkgoHelper()
	directory := os.Getenv("WINDLASS_PICTURES")
	if directory == "" {
		return
	}
	content, err := chrome.Picture()
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(directory, name+".png"), content, 0o644)).To(Succeed())
}
