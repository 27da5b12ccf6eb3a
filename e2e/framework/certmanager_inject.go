// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// injectAll keeps the CA of a Certificate in the webhook configurations that ask for it: the cainjector's part.
func (m *CertManager) injectAll(ctx context.Context) error {
	mutating := &admissionregistrationv1.MutatingWebhookConfigurationList{}
	validating := &admissionregistrationv1.ValidatingWebhookConfigurationList{}
	if err := errors.Join(m.cluster.Client.List(ctx, mutating), m.cluster.Client.List(ctx, validating)); err != nil {
		return fmt.Errorf("list webhook configurations: %w", err)
	}
	for i := range mutating.Items {
		var bundles []*[]byte
		for j := range mutating.Items[i].Webhooks {
			bundles = append(bundles, &mutating.Items[i].Webhooks[j].ClientConfig.CABundle)
		}
		if err := m.inject(ctx, &mutating.Items[i], bundles); err != nil {
			return err
		}
	}
	for i := range validating.Items {
		var bundles []*[]byte
		for j := range validating.Items[i].Webhooks {
			bundles = append(bundles, &validating.Items[i].Webhooks[j].ClientConfig.CABundle)
		}
		if err := m.inject(ctx, &validating.Items[i], bundles); err != nil {
			return err
		}
	}
	return nil
}

// inject writes the CA that a configuration asks for into its bundles, if there is one and it is not there yet.
func (m *CertManager) inject(ctx context.Context, configuration client.Object, bundles []*[]byte) error {
	wanted := configuration.GetAnnotations()[cmapi.WantInjectAnnotation]
	if wanted == "" {
		return nil
	}
	ca, err := m.authorityOf(ctx, wanted)
	if err != nil || ca == nil {
		return err
	}
	changed := false
	for _, bundle := range bundles {
		changed = changed || !bytes.Equal(*bundle, ca)
		*bundle = ca
	}
	if !changed {
		return nil
	}
	if err := m.cluster.Client.Update(ctx, configuration); err != nil {
		return fmt.Errorf("put the CA into the configuration %s: %w", configuration.GetName(), err)
	}
	return nil
}

// authorityOf is the CA in the Secret of a Certificate, which NAMESPACE/NAME names; nil while there is none.
func (m *CertManager) authorityOf(ctx context.Context, wanted string) ([]byte, error) {
	namespace, name, _ := strings.Cut(wanted, "/")
	certificate := &cmapi.Certificate{}
	if err := m.cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, certificate); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	secret := &corev1.Secret{}
	if err := m.cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: certificate.Spec.SecretName}, secret); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return secret.Data[cmmeta.TLSCAKey], nil
}
