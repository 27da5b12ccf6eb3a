// SPDX-License-Identifier: Apache-2.0

// Package accounts tries on a real API server what the programs' accounts may do, with the roles and policies of the
// chart.
package accounts

import (
	"context"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/e2e/examples"
	"github.com/windlass-operator/windlass/internal/testing/apiserver"
	"github.com/windlass-operator/windlass/program"
)

const namespace = "windlass-system"

var (
	config *rest.Config
	k8s    client.Client
)

func TestAccounts(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The programs' accounts on a real API server")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(apiserver.Patience)
	server := apiserver.Start(nil)
	config, k8s = server.Config, server.Client
	for _, name := range []string{namespace, "kube-node-lease", "shop"} {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, object))).To(Succeed())
	}
	install(ctx)
	awaitPolicies(ctx)
})

// install creates what the chart has of roles, policies and webhook configurations. No webhook runs, and so none may be
// missed.
func install(ctx context.Context) {
	GinkgoHelper()
	objects, err := examples.RenderChart("../../charts/windlass", nil)
	Expect(err).NotTo(HaveOccurred())
	for _, object := range objects {
		switch object.GroupVersionKind().Group {
		case "rbac.authorization.k8s.io":
		case "admissionregistration.k8s.io":
			ignoreFailures(object)
		default:
			continue
		}
		Expect(k8s.Create(ctx, object)).To(Succeed(), "%s %s", object.GetKind(), object.GetName())
	}
}

func ignoreFailures(object *unstructured.Unstructured) {
	webhooks, _, _ := unstructured.NestedSlice(object.Object, "webhooks")
	for i := range webhooks {
		webhooks[i].(map[string]any)["failurePolicy"] = "Ignore"
	}
	if webhooks != nil {
		object.Object["webhooks"] = webhooks
	}
}

// as is a client of one of the programs' accounts.
func as(component string) client.Client {
	GinkgoHelper()
	c, err := client.New(impersonated(component), client.Options{Scheme: program.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func impersonated(component string) *rest.Config {
	own := rest.CopyConfig(config)
	own.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":windlass-" + component,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	return own
}

// awaitPolicies waits until the API server heeds all of them, which takes it a moment.
func awaitPolicies(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() error { return as("webhook").Create(ctx, secret(), client.DryRunAll) }).Should(Succeed())
	for policy, attempt := range map[string]func() error{
		"windlass-webhook-secrets": func() error {
			s := secret()
			s.Name = "other"
			return as("webhook").Create(ctx, s, client.DryRunAll)
		},
		"windlass-webhook-ca": func() error {
			c := mutating(ctx)
			c.Webhooks = c.Webhooks[1:]
			return as("webhook").Update(ctx, c, client.DryRunAll)
		},
		"windlass-operator-pods": func() error { return as("operator").Create(ctx, podIn("kube-system"), client.DryRunAll) },
	} {
		Eventually(attempt).Should(refusedBy(policy))
	}
}
