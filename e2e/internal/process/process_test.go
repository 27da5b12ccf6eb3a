// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parentDirectory names to a copy of this test where to start a program that it then leaves behind.
const parentDirectory = "WINDLASS_TEST_PARENT_DIRECTORY"

func TestMain(m *testing.M) {
	if directory := os.Getenv(parentDirectory); directory != "" {
		abandon(directory)
	}
	os.Exit(m.Run())
}

// abandon starts a program, prints its id and dies as a test does that panics or is killed.
func abandon(directory string) {
	p, err := Start(context.Background(), shell(directory, "exec sleep 600"))
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(strconv.Itoa(p.cmd.Process.Pid))
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {}
}

func shell(directory, script string) Command {
	return Command{Name: "program", Path: "/bin/sh", Args: []string{"-c", script}, Directory: directory}
}

func start(t *testing.T, command Command) *Process {
	t.Helper()
	p, err := Start(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProgramSeesOnlyWhatItIsGiven(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("KUBECONFIG", "/somebody/elses")
	command := shell(directory, `echo "$KUBECONFIG,$GREETING,${HOME#"$PWD"},${TMPDIR#"$PWD"}"; test -d "$TMPDIR"`)
	command.Env = []string{"GREETING=hello"}
	p := start(t, command)
	<-p.ended
	if p.err != nil {
		t.Errorf("the program failed: %v", p.err)
	}
	if diff := cmp.Diff(",hello,,/tmp\n", p.Log()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestStartReturnsWhenTheProgramIsHealthy(t *testing.T) {
	asked := 0
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer health.Close()
	command := shell(t.TempDir(), "exec sleep 600")
	command.HealthURL = health.URL
	p := start(t, command)
	if asked != 3 {
		t.Errorf("it was asked %d times, want 3", asked)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStartSaysWhyAProgramIsNotHealthy(t *testing.T) {
	tests := map[string]struct {
		script string
		want   []string
	}{
		"it ended":       {script: "echo no such flag; exit 3", want: []string{"it ended at once", "exit status 3", "no such flag"}},
		"it never is so": {script: "echo waiting; exec sleep 600", want: []string{"did not become healthy in time", "404 Not Found", "waiting"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var asked atomic.Int32
			unhealthy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.NotFound(w, r)
				if asked.Add(1) == 2 {
					cancel() // nobody waits for longer, and the first answer is known
				}
			}))
			defer unhealthy.Close()
			command := shell(t.TempDir(), test.script)
			command.HealthURL = unhealthy.URL
			_, err := Start(ctx, command)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestCheckSaysThatAProgramEndedAlthoughNobodyStoppedIt(t *testing.T) {
	p := start(t, shell(t.TempDir(), "echo out of ideas; exit 1"))
	<-p.ended
	err := p.Check()
	if err == nil || !strings.Contains(err.Error(), "out of ideas") {
		t.Errorf("error %v, want one with the log's end", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stopping what has ended: %v", err)
	}
}

func TestAProgramDiesWithTheTest(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentDirectory+"="+t.TempDir())
	out, err := parent.Output()
	var killed *exec.ExitError
	if !errors.As(err, &killed) {
		t.Fatalf("the parent was not killed: %v", err)
	}
	pid, err := strconv.Atoi(string(out))
	if err != nil {
		t.Fatalf("the parent printed no process id: %v", err)
	}
	for ended := time.Now().Add(time.Minute); time.Now().Before(ended); time.Sleep(10 * time.Millisecond) {
		if !runs(pid) {
			return
		}
	}
	t.Errorf("process %d still runs a minute after its parent was killed", pid)
}

// runs reports whether a process is there and not a mere entry that nobody has read the end of yet.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
