// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// namespaces reads Namespaces from the API server, each once for all that ask at the same time. A name is kept in mind
// only while somebody waits for it: whoever forges reviews chooses how many names there are, and how long.
type namespaces struct {
	reader client.Reader

	mu     sync.Mutex
	byName map[string]*namespaceReader
}

type namespaceReader struct {
	shared[*corev1.Namespace]
	// waiting is how many wait for it.
	waiting int
}

func (n *namespaces) labels(ctx context.Context, name string) (map[string]string, error) {
	r := n.enter(name)
	defer n.leave(name, r)
	namespace, err := r.get(ctx)
	if err != nil {
		return nil, err
	}
	return namespace.Labels, nil
}

func (n *namespaces) enter(name string) *namespaceReader {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.byName[name]
	if r == nil {
		r = &namespaceReader{}
		r.ask = func(ctx context.Context) (*corev1.Namespace, error) {
			namespace := &corev1.Namespace{}
			return namespace, n.reader.Get(ctx, client.ObjectKey{Name: name}, namespace)
		}
		n.byName[name] = r
	}
	r.waiting++
	return r
}

func (n *namespaces) leave(name string, r *namespaceReader) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.waiting--; r.waiting == 0 {
		delete(n.byName, name)
	}
}
