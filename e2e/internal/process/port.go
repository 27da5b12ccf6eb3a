// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"net"
)

// FreeAddresses finds addresses on this machine's loopback that nobody listens on, 127.0.0.1:PORT each. Somebody else
// could take one before the program does; then the program fails to start and says so.
func FreeAddresses(count int) ([]string, error) {
	addresses := make([]string, 0, count)
	// All stay taken until the last is found, so that none is found twice.
	listeners := make([]net.Listener, 0, count)
	defer func() {
		for _, listener := range listeners {
			listener.Close()
		}
	}()
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		listeners = append(listeners, listener)
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
