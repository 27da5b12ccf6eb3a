// SPDX-License-Identifier: Apache-2.0

package box

import (
	"io"
	"log"
	"net"
	"sync"
	"time"
)

// forward accepts connections on a listener that `up` opened on the host's loopback and dials from here, inside the
// cluster's network: a socket stays in the network namespace in which it was made.
func forward(listener net.Listener, target string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Printf("accept for %s: %v", target, err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go relay(client.(*net.TCPConn), target)
	}
}

// relay copies both ways until both sides have finished.
func relay(client *net.TCPConn, target string) {
	defer client.Close()
	connection, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return // the client sees a closed connection, as it would from a server that is down
	}
	defer connection.Close()
	server := connection.(*net.TCPConn)
	var both sync.WaitGroup
	both.Go(func() { copyHalf(server, client) })
	both.Go(func() { copyHalf(client, server) })
	both.Wait()
}

// copyHalf copies one direction and passes its end on.
func copyHalf(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		// A broken direction leaves nothing to wait for in the other.
		_ = from.Close()
		_ = to.Close()
		return
	}
	_ = to.CloseWrite()
}
