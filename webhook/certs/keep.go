// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/windlass-operator/windlass/internal/shorten"
)

const (
	// keepInterval is how often it is seen whether the Secret is gone.
	keepInterval = time.Second
	// restoreAfter is how long a deleted Secret stays away before it is put back: until then an uninstallation has
	// taken away the permission and the configurations too.
	restoreAfter = 3 * time.Second
	// createAfter is how long a replica that starts without the Secret waits for one that runs to put it back, before
	// it makes an empty one, to be filled again.
	createAfter = 6 * time.Second

	// eventMissing and eventRestored are reasons of events on our own Pod.
	eventMissing  = "CertificateSecretMissing"
	eventRestored = "CertificateSecretRestored"
)

// keeper puts the Secret of the provider self back that somebody has deleted.
type keeper struct {
	client   client.Client
	names    Names
	source   *Source
	recorder events.EventRecorder
	pod      *corev1.Pod
	clock    clock.WithTicker
	log      logr.Logger

	// missing tells that its loss was said; refused is the last refusal to put it back.
	missing bool
	refused string
}

// await returns once there is a Secret: it makes an empty one when there is none and nobody puts one back in time.
// While the API server does not answer, it waits. It fails when it may not make one.
func (k *keeper) await(ctx context.Context) error {
	ticker := k.clock.NewTicker(keepInterval)
	defer ticker.Stop()
	since := time.Time{}
	for {
		switch err := k.client.Get(ctx, k.names.SelfSecret, &corev1.Secret{}); {
		case err == nil:
			return nil
		case apierrors.IsForbidden(err):
			return err
		case !apierrors.IsNotFound(err):
			k.log.Error(err, "the Secret of the certificates cannot be read; it is tried again")
		case since.IsZero():
			since = k.clock.Now()
			k.log.Info("there is no Secret of the certificates; it is made, unless a replica that runs puts it back", "secret",
				k.names.SelfSecret.String())
		case k.clock.Since(since) >= createAfter:
			return k.create(ctx, nil)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

// keep looks until the context ends.
func (k *keeper) keep(ctx context.Context) {
	ticker := k.clock.NewTicker(keepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			k.check(ctx)
		}
	}
}

// check says that the Secret is gone, puts it back, and says that.
func (k *keeper) check(ctx context.Context) {
	lost := k.source.lost()
	if lost == nil {
		k.found()
		return
	}
	secretMissing.Set(1)
	if !k.missing {
		k.missing = true
		k.say(corev1.EventTypeWarning, eventMissing, fmt.Sprintf(
			"Secret %s was deleted. Its certificate is served on from memory, and the Secret is put back within seconds", k.names.SelfSecret))
	}
	if !lost.installed || k.clock.Since(lost.since) < restoreAfter {
		return
	}
	errs := []error{k.create(ctx, lost.kept)}
	if lost.bare && lost.kept != nil {
		errs = append(errs, k.trust(ctx, lost.kept.Data[caCertKey]))
	}
	if err := errors.Join(errs...); err != nil && ctx.Err() == nil && err.Error() != k.refused {
		k.refused = err.Error()
		k.say(corev1.EventTypeWarning, eventMissing, fmt.Sprintf("Secret %s cannot be put back; it is tried again every second. "+
			"Restart no replica of the webhook meanwhile: %v", k.names.SelfSecret, err))
	}
}

// found notes that there is a Secret.
func (k *keeper) found() {
	secretMissing.Set(0)
	if k.missing {
		k.say(corev1.EventTypeNormal, eventRestored, fmt.Sprintf("Secret %s is there again", k.names.SelfSecret))
	}
	k.missing, k.refused = false, ""
}

func (k *keeper) say(kind, reason, note string) {
	k.log.Info(note, "reason", reason)
	k.recorder.Eventf(k.pod, nil, kind, reason, "Serve", "%s", shorten.To(note, maxNote))
}

// create makes the Secret with what was kept of it, or an empty one. That somebody else was faster is as good.
func (k *keeper) create(ctx context.Context, kept *corev1.Secret) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.names.SelfSecret.Namespace, Name: k.names.SelfSecret.Name},
		Type:       corev1.SecretTypeOpaque,
	}
	if kept != nil {
		secret.Labels, secret.Annotations, secret.Data, secret.Type = kept.Labels, kept.Annotations, kept.Data, kept.Type
	}
	err := k.client.Create(ctx, secret, client.FieldOwner(fieldOwner))
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		k.log.Info("made the Secret of the certificates", "secret", k.names.SelfSecret.String(), "fromMemory", kept != nil)
	}
	return err
}

// trust puts the CA into those webhooks of our configurations that have none.
func (k *keeper) trust(ctx context.Context, ca []byte) error {
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	return errors.Join(
		k.fill(ctx, k.names.Mutating, mutating, func() (configs []*admissionregistrationv1.WebhookClientConfig) {
			for i := range mutating.Webhooks {
				configs = append(configs, &mutating.Webhooks[i].ClientConfig)
			}
			return configs
		}, ca),
		k.fill(ctx, k.names.Validating, validating, func() (configs []*admissionregistrationv1.WebhookClientConfig) {
			for i := range validating.Webhooks {
				configs = append(configs, &validating.Webhooks[i].ClientConfig)
			}
			return configs
		}, ca),
	)
}

// fill reads a configuration and writes the CA where its clients trust nobody.
func (k *keeper) fill(
	ctx context.Context, name string, into client.Object, clients func() []*admissionregistrationv1.WebhookClientConfig, ca []byte,
) error {
	err := k.client.Get(ctx, client.ObjectKey{Name: name}, into)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	changed := false
	for _, config := range clients() {
		if len(config.CABundle) == 0 {
			config.CABundle, changed = ca, true
		}
	}
	if !changed {
		return nil
	}
	err = k.client.Update(ctx, into, client.FieldOwner(fieldOwner))
	if apierrors.IsConflict(err) { // another replica was faster
		return nil
	}
	return err
}
