// SPDX-License-Identifier: Apache-2.0

package testing

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// EmptyCluster is a client of a cluster without any object. It does nothing but read.
type EmptyCluster struct{ client.Client }

// Get finds nothing.
func (EmptyCluster) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// List leaves the list as it is.
func (EmptyCluster) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }
