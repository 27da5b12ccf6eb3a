// SPDX-License-Identifier: Apache-2.0

package argocd

import (
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// redis is the cache that Argo CD's programs share, inside this process.
type redis struct {
	server *miniredis.Miniredis
	quit   chan struct{}
}

// startRedis serves on a free port of the loopback address.
func startRedis() (*redis, error) {
	r := &redis{server: miniredis.NewMiniRedis(), quit: make(chan struct{})}
	if err := r.server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("serve Redis for Argo CD: %w", err)
	}
	go r.age()
	return r, nil
}

// age lets entries expire, which the server does not do on its own: Argo CD would never look at Git again.
func (r *redis) age() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.server.FastForward(time.Second)
		case <-r.quit:
			return
		}
	}
}

func (r *redis) address() string { return r.server.Addr() }

func (r *redis) stop() {
	close(r.quit)
	r.server.Close()
}
