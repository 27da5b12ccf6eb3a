// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"crypto"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// accepted is a real connection of a table of its own, and its peer.
func accepted(t *testing.T) (*connection, net.Conn) {
	t.Helper()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	dialed, err := net.Dial("tcp", port.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dialed.Close() })
	c, err := (&listener{port, newConnections(10)}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*connection), dialed
}

// inKernel asks the kernel about the socket of a connection.
func inKernel[T any](t *testing.T, c *connection, ask func(socket int) (T, error)) (answer T) {
	t.Helper()
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var asked error
	if err := raw.Control(func(socket uintptr) { answer, asked = ask(int(socket)) }); err != nil || asked != nil {
		t.Fatal(err, asked)
	}
	return answer
}

func bufferSize(option int) func(socket int) (int, error) {
	return func(socket int) (int, error) { return syscall.GetsockoptInt(socket, syscall.SOL_SOCKET, option) }
}

// TestTheKernelKeepsLittle of what comes before it is read, and of what is not taken. It says twice what it was asked
// for, which is what it may take.
func TestTheKernelKeepsLittle(t *testing.T) {
	c, _ := accepted(t)
	got := map[string]int{}
	got["received, before the handshake"] = inKernel(t, c, bufferSize(syscall.SO_RCVBUF))
	c.shake()
	got["received, after it"] = inKernel(t, c, bufferSize(syscall.SO_RCVBUF))
	got["sent"] = inKernel(t, c, bufferSize(syscall.SO_SNDBUF))
	want := map[string]int{
		"received, before the handshake": 2 * helloBuffer, "received, after it": 2 * bodyBuffer, "sent": 2 * answerBuffer,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("buffers (-want +got):\n%s", diff)
	}
}

// TestWhatIsNotTakenInTimeIsThrownAway: the kernel would keep it for minutes after the close.
func TestWhatIsNotTakenInTimeIsThrownAway(t *testing.T) {
	c, peer := accepted(t)
	_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.Write(make([]byte, 16<<20)); err == nil {
		t.Fatal("what nobody takes was sent")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, peer); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer reads all that was sent before the close, and then %v; want it reset", err)
	}
}

// slowSigner signs when it is told to.
type slowSigner struct {
	crypto.Signer
	goOn <-chan struct{}
}

func (s slowSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	<-s.goOn
	return nil, nil
}

// TestWhoeverWaitsForASignatureStandsThere, so that it is not taken for somebody who says nothing.
func TestWhoeverWaitsForASignatureStandsThere(t *testing.T) {
	table := newConnections(10)
	limits := Limits{Handshakes: 1, Connections: 10, HeaderTime: time.Minute}
	h := newHandshakes(nil, limits, table)
	goOn := make(chan struct{})
	signed := make(chan error)
	_, opened := connect(t, table, apiServer, 2)
	for _, c := range opened {
		go func() {
			key := &patientKey{Signer: slowSigner{goOn: goOn}, handshakes: h, connection: c}
			_, err := key.Sign(nil, nil, nil)
			signed <- err
		}()
	}
	lengths := func() [2]int {
		table.mu.Lock()
		defer table.mu.Unlock()
		return [2]int{table.sources[apiServer].signing.Len(), table.sources[apiServer].unasked.Len()}
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for lengths() != [2]int{1, 1} && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if diff := cmp.Diff([2]int{1, 1}, lengths()); diff != "" {
		t.Errorf("who waits for a signature, and who is waited for since it is being made (-want +got):\n%s", diff)
	}
	close(goOn)
	for range opened {
		if err := <-signed; err != nil {
			t.Error(err)
		}
	}
}
