// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Watch keeps a Source up to date. Each watch is for one object by name, so that the permission for it can be, too.
type Watch struct {
	Config *rest.Config
	Scheme *runtime.Scheme
	Source *Source
}

// NeedLeaderElection is false: every replica serves.
func (w *Watch) NeedLeaderElection() bool { return false }

// Start watches until the context ends. What cannot be watched is tried again.
func (w *Watch) Start(ctx context.Context) error {
	names := w.Source.names
	self, err := w.newCache(names.SelfSecret)
	if err != nil {
		return err
	}
	managed, err := w.newCache(names.CertManagerSecret)
	if err != nil {
		return err
	}
	configuration := handler(w.Source.configurationChanged, w.Source.configurationDeleted)
	if err := errors.Join(
		follow(ctx, self, &corev1.Secret{}, w.secretHandler(ProviderSelf)),
		follow(ctx, managed, &corev1.Secret{}, w.secretHandler(ProviderCertManager)),
		follow(ctx, self, &admissionregistrationv1.MutatingWebhookConfiguration{}, configuration),
		follow(ctx, self, &admissionregistrationv1.ValidatingWebhookConfiguration{}, configuration),
	); err != nil {
		return err
	}
	return w.run(ctx, self, managed)
}

// newCache holds one Secret and the two configurations, as far as they are asked for.
func (w *Watch) newCache(secret types.NamespacedName) (cache.Cache, error) {
	named := func(name string) fields.Selector { return fields.OneTermEqualSelector("metadata.name", name) }
	names := w.Source.names
	c, err := cache.New(w.Config, cache.Options{
		Scheme: w.Scheme,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}: {Namespaces: map[string]cache.Config{secret.Namespace: {FieldSelector: named(secret.Name)}}},
			&admissionregistrationv1.MutatingWebhookConfiguration{}:   {Field: named(names.Mutating)},
			&admissionregistrationv1.ValidatingWebhookConfiguration{}: {Field: named(names.Validating)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watch Secret %s and the webhook configurations: %w", secret, err)
	}
	return c, nil
}

func (w *Watch) secretHandler(provider string) toolscache.ResourceEventHandler {
	changed := func(object any) {
		if secret, ok := object.(*corev1.Secret); ok {
			w.Source.secretChanged(provider, secret)
		}
	}
	return handler(changed, func(any) { w.Source.secretDeleted(provider) })
}

func handler(changed, deleted func(any)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, object any) { changed(object) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			deleted(object)
		},
	}
}

func follow(ctx context.Context, c cache.Cache, object client.Object, to toolscache.ResourceEventHandler) error {
	informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err == nil {
		_, err = informer.AddEventHandler(to)
	}
	if err != nil {
		return fmt.Errorf("watch %T: %w", object, err)
	}
	return nil
}

// run keeps the caches going and looks at the time, until the context ends.
func (w *Watch) run(ctx context.Context, caches ...cache.Cache) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	errs := make([]error, len(caches))
	for i, c := range caches {
		wait.Go(func() {
			defer cancel()
			errs[i] = c.Start(ctx)
		})
	}
	ticker := w.Source.clock.NewTicker(refreshInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			wait.Wait()
			return errors.Join(errs...)
		case <-ticker.C():
			w.Source.refresh()
		}
	}
}
