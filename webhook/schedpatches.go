// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	crclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	patches "github.com/windlass-operator/windlass/internal/schedpatch"
	"github.com/windlass-operator/windlass/webhook/pod"
	"github.com/windlass-operator/windlass/webhook/pod/owners"
	"github.com/windlass-operator/windlass/webhook/pod/patchedpods"
	"github.com/windlass-operator/windlass/webhook/schedpatch"
)

// serveSchedPatches registers the admission of SchedPatches, and returns what applies them to Pods.
func serveSchedPatches(ctx context.Context, mgr manager.Manager, o options) (*pod.Scheduling, error) {
	client, err := metadataClient(mgr.GetConfig())
	if err != nil {
		return nil, err
	}
	live, err := liveClient(mgr)
	if err != nil {
		return nil, err
	}
	counter := patchedpods.New(ctx, client, clock.RealClock{})
	known, err := pod.FollowPatches(ctx, mgr.GetCache(), counter)
	if err != nil {
		return nil, err
	}
	server := mgr.GetWebhookServer()
	server.Register(patches.ServedPath, known)
	register(server, schedpatch.ValidatePath, &schedpatch.Validator{
		AllowedTolerations: strings.Split(o.allowedTolerations, ","), Excluded: strings.Split(o.excludedNamespaces, ","),
		Namespaces: mgr.GetCache(), Surroundings: schedpatch.NewSurroundings(live, mgr.GetRESTMapper()), Clock: clock.RealClock{},
	})
	scheduling := &pod.Scheduling{
		Index: known.Index, Owners: owners.New(client, mgr.GetRESTMapper(), clock.RealClock{}), PatchedPods: counter, Clock: clock.RealClock{},
	}
	return scheduling, mgr.AddReadyzCheck("schedpatches", known.Check)
}

// liveClient reads what is around a SchedPatch that is being written, which must not delay what is read for Pods.
func liveClient(mgr manager.Manager) (crclient.Client, error) {
	unlimited := rest.CopyConfig(mgr.GetConfig())
	unlimited.QPS = -1
	live, err := crclient.New(unlimited, crclient.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("set up the client for the targets of SchedPatches: %w", err)
	}
	return live, nil
}

// metadataClient reads the metadata of owners and Pods while a Pod waits to be created, so it does not queue behind our
// own limit: the API server's fairness between its clients is limit enough.
func metadataClient(config *rest.Config) (metadata.Interface, error) {
	unlimited := rest.CopyConfig(config)
	unlimited.QPS = -1
	client, err := metadata.NewForConfig(unlimited)
	if err != nil {
		return nil, fmt.Errorf("set up the client for the metadata of owners: %w", err)
	}
	return client, nil
}
