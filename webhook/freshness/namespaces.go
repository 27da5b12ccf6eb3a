package freshness

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// idle is how long a Namespace that nobody asks for is kept in mind.
const idle = time.Minute

// namespaces reads Namespaces from the API server, each once for all that ask at
// the same time.
type namespaces struct {
	reader client.Reader

	mu     sync.Mutex
	byName map[string]*namespaceReader
	swept  time.Time
}

type namespaceReader struct {
	shared[*corev1.Namespace]
	asked time.Time
}

func (n *namespaces) labels(ctx context.Context, name string) (map[string]string, error) {
	namespace, err := n.readerOf(name).get(ctx)
	if err != nil {
		return nil, err
	}
	return namespace.Labels, nil
}

func (n *namespaces) readerOf(name string) *namespaceReader {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.sweep(now)
	r := n.byName[name]
	if r == nil {
		r = &namespaceReader{}
		r.ask = func(ctx context.Context) (*corev1.Namespace, error) {
			namespace := &corev1.Namespace{}
			return namespace, n.reader.Get(ctx, client.ObjectKey{Name: name}, namespace)
		}
		n.byName[name] = r
	}
	r.asked = now
	return r
}

// sweep forgets Namespaces that nobody asks for. Nobody waits for them either:
// patience is shorter. n.mu is held.
func (n *namespaces) sweep(now time.Time) {
	if now.Sub(n.swept) < idle {
		return
	}
	n.swept = now
	for name, r := range n.byName {
		if now.Sub(r.asked) > idle {
			delete(n.byName, name)
		}
	}
}
