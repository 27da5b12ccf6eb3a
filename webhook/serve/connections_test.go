// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// peer is a connection from somewhere.
type peer struct {
	net.Conn
	address string
	closed  bool
}

func (p *peer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(p.address), Port: 1} }

func (p *peer) Close() error {
	p.closed = true
	return nil
}

// connect adds connections of an address until so many are there, or the table is full.
func connect(t *testing.T, table *connections, address string, most int) (peers []*peer, opened []*connection) {
	t.Helper()
	for len(peers) < most && table.taken+helloMemory <= table.most {
		p := &peer{address: address}
		c := table.add(p)
		if c == nil {
			break
		}
		peers, opened = append(peers, p), append(opened, c)
	}
	return peers, opened
}

func closedOf(peers []*peer) (closed int) {
	for _, p := range peers {
		if p.closed {
			closed++
		}
	}
	return closed
}

const apiServer = "10.0.0.1"

// TestManyAddressesTakeNothingFromAnAPIServerAtWork: whoever has many addresses has few connections of each, and an API
// server at work may well have the most.
func TestManyAddressesTakeNothingFromAnAPIServerAtWork(t *testing.T) {
	table := newConnections(20)
	for range 4 {
		table.add(&peer{address: apiServer}).work()
	}
	var idle []*peer
	for i := 0; ; i++ {
		peers, _ := connect(t, table, fmt.Sprintf("10.1.0.%d", i), 2)
		if len(peers) == 0 {
			break
		}
		idle = append(idle, peers...)
	}
	if table.add(&peer{address: apiServer}) == nil {
		t.Fatal("the API server is sent away, while others hold connections that they do not use")
	}
	if got := closedOf(idle); got != 1 {
		t.Errorf("closed: %d connections that nobody uses, want 1", got)
	}
}

// TestABurstHasRoomWhileTwoAddressesTakeAll: whatever they have asked before, and though they did so just now.
func TestABurstHasRoomWhileTwoAddressesTakeAll(t *testing.T) {
	table := newConnections(LimitsFor(0).Connections)
	for _, attacker := range []string{"10.0.0.2", "10.0.0.3"} {
		_, opened := connect(t, table, attacker, int(table.most/helloMemory))
		for _, c := range opened {
			c.begin()
			c.await(true, 0)
		}
	}
	var burst []*peer
	for range 700 {
		p := &peer{address: apiServer}
		if table.add(p) == nil {
			t.Fatalf("connection %d of the API server is sent away", len(burst))
		}
		burst = append(burst, p)
	}
	if got := closedOf(burst); got != 0 {
		t.Errorf("%d of the API server's connections are closed", got)
	}
}

// TestWhoIsSilentGoesFirst: an API server in a burst may have the most connections, but none that says nothing.
func TestWhoIsSilentGoesFirst(t *testing.T) {
	table := newConnections(100)
	silent, opened := connect(t, table, "10.0.0.2", 1)
	opened[0].since = opened[0].since.Add(-2 * silence)
	burst, _ := connect(t, table, apiServer, 100)
	other, _ := connect(t, table, "10.0.0.3", 100)
	if table.add(&peer{address: "10.0.0.3"}) == nil {
		t.Fatal("there is no room")
	}
	if diff := cmp.Diff([]int{1, 0, 0}, []int{closedOf(silent), closedOf(burst), closedOf(other)}); diff != "" {
		t.Errorf("closed of the silent, of the burst, of others (-want +got):\n%s", diff)
	}
}

// TestWhoWaitsForItsSignatureIsNotSilent: in a burst an API server waits for longer than it would be waited for.
func TestWhoWaitsForItsSignatureIsNotSilent(t *testing.T) {
	table := newConnections(100)
	signing, opened := connect(t, table, apiServer, 40)
	for _, c := range opened {
		c.sign()
		c.since = c.since.Add(-2 * silence)
	}
	for range 300 {
		for _, attacker := range []string{"10.0.0.2", "10.0.0.3"} {
			table.add(&peer{address: attacker})
		}
	}
	if got := closedOf(signing); got != 0 {
		t.Errorf("%d that wait for us are closed for others that have just come", got)
	}
}

// TestWhoKeepsTheGatesBusyShutsNobodyOut: reviews that wait there are many, if somebody sends them at once.
func TestWhoKeepsTheGatesBusyShutsNobodyOut(t *testing.T) {
	table := newConnections(100)
	var gated []*peer
	for _, attacker := range []string{"10.0.0.2", "10.0.0.3"} {
		peers, opened := connect(t, table, attacker, int(table.most/helloMemory)/2)
		for _, c := range opened {
			c.wait()
		}
		gated = append(gated, peers...)
	}
	kept, waiting := connect(t, table, apiServer, 1)
	for range 20 {
		p := &peer{address: apiServer}
		c := table.add(p)
		if c == nil {
			t.Fatalf("the API server is sent away at its connection %d", len(kept))
		}
		kept, waiting = append(kept, p), append(waiting, c)
		c.wait()
	}
	if got := closedOf(kept); got != 0 || closedOf(gated) == 0 {
		t.Errorf("closed: %d of the API server and %d of others", got, closedOf(gated))
	}
	before := closedOf(gated)
	if table.add(&peer{address: "10.0.0.2"}); closedOf(gated)-before > 1 || closedOf(kept) > 0 {
		t.Errorf("then closed: %d of the API server and %d of others", closedOf(kept), closedOf(gated)-before)
	}
	for _, c := range waiting {
		c.work()
	}
}

// TestWhoSendsMuchTakesMore: the memory of a connection is what its peer has it be.
func TestWhoSendsMuchTakesMore(t *testing.T) {
	for name, send := range map[string]func(c *connection) bool{
		"of a header": func(c *connection) bool {
			return c.table.change(func() ([]*connection, bool) { return c.count(int(smallBody)) })
		},
		"of a body": func(c *connection) bool {
			c.begin()
			return c.expect(smallBody)
		},
	} {
		t.Run(name, func(t *testing.T) {
			table := newConnections(20)
			_, opened := connect(t, table, "10.0.0.2", 1)
			idle, _ := connect(t, table, "10.0.0.3", 100)
			if !opened[0].shake() || !send(opened[0]) {
				t.Fatal("there is no room")
			}
			want := connectionMemory + (smallBody-freeBytes)*3/2
			if got := opened[0].taken; got != want {
				t.Errorf("takes %d bytes, want %d", got, want)
			}
			if closedOf(idle) == 0 || table.taken > table.most {
				t.Errorf("%d bytes of %d are taken, and %d closed for it", table.taken, table.most, closedOf(idle))
			}
			if opened[0].await(true, int(smallBody)); opened[0].taken != want {
				t.Errorf("takes %d bytes with an answer of so many, want %d", opened[0].taken, want)
			}
			opened[0].count(int(freeBytes) + 1)
			if got := opened[0].taken; got != want {
				t.Errorf("takes %d bytes when more is sent while the answer waits, want %d", got, want)
			}
			opened[0].await(true, 0)
			if got := opened[0].taken; got != connectionMemory {
				t.Errorf("takes %d bytes once it is answered, want %d", got, connectionMemory)
			}
		})
	}
}

// TestWhoIsClosedForAnotherWaitsForNoSignature.
func TestWhoIsClosedForAnotherWaitsForNoSignature(t *testing.T) {
	table := newConnections(2)
	_, opened := connect(t, table, "10.0.0.2", 2)
	if table.pressed("10.0.0.2") || opened[0].ctx.Err() != nil {
		t.Fatal("a connection is closed while there is room")
	}
	if table.add(&peer{address: "10.0.0.2"}) == nil || opened[0].ctx.Err() == nil {
		t.Error("the first connection goes on, or the third has no room")
	}
	if !table.pressed("10.0.0.2") || table.pressed("10.0.0.3") {
		t.Error("it is not known who has too many connections")
	}
}

// TestTheTableAddsUp whatever happens to connections, and never has more than there is room for.
func TestTheTableAddsUp(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	table := newConnections(30)
	var all []*connection
	for range 20_000 {
		if random.IntN(3) == 0 || len(all) == 0 {
			if c := table.add(&peer{address: fmt.Sprintf("10.0.0.%d", random.IntN(5))}); c != nil {
				all = append(all, c)
			}
			continue
		}
		c := all[random.IntN(len(all))]
		[]func(){
			c.begin, c.sign, c.wait, c.work, func() { c.shake() }, func() { c.await(random.IntN(2) == 0, random.IntN(int(smallBody))) }, func() { c.expect(random.Int64N(smallBody)) },
			func() { table.change(func() ([]*connection, bool) { return c.count(random.IntN(int(freeBytes))) }) },
			func() { _ = c.Close() },
		}[random.IntN(9)]()
		all = slices.DeleteFunc(all, func(c *connection) bool { return c.closed })
		taken, waiting, open := int64(0), int64(0), 0
		for _, c := range all {
			taken += c.taken
			open++
			if c.place != nil && c.line != &table.sources[c.source].gated {
				waiting += c.taken
			}
		}
		sums := [2]int64{}
		for _, s := range table.sources {
			sums[0], sums[1] = sums[0]+s.waiting(), sums[1]+int64(s.open)
		}
		if diff := cmp.Diff([2]int64{waiting, int64(open)}, sums); diff != "" {
			t.Fatalf("waiting and open (-connections +sources):\n%s", diff)
		}
		if table.taken != taken || table.open != open || taken > table.most {
			t.Fatalf("the table says that %d are open and %d of %d bytes taken; it is %d and %d", table.open, table.taken, table.most, open, taken)
		}
	}
}

func TestAnAddressOfIPv6IsItsNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64",
	} {
		if got := sourceOf((&peer{address: address}).RemoteAddr()); got != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
}
