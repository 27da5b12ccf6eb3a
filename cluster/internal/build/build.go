// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/windlass-operator/windlass/cluster/internal/images"
	"github.com/windlass-operator/windlass/cluster/internal/progress"
	"github.com/windlass-operator/windlass/cluster/internal/state"
)

// Options of a build.
type Options struct {
	// Target is what the binaries are for.
	Target Target
	// SourceDir is this module's directory in a checkout.
	SourceDir string
	// Embedded are the sources that this program was built with.
	Embedded fs.FS
	// Log receives each step as it happens.
	Log *progress.Log
}

// Run builds what is missing for the target and returns where it is. Each binary is put in place by a rename, so a run
// that was killed leaves only finished binaries, which the next run keeps. Two runs take turns.
func Run(ctx context.Context, o Options) (Cache, error) {
	cache, err := OpenCache(o.Embedded)
	if err != nil {
		return cache, err
	}
	if cache.Complete(o.Target) {
		return cache, nil
	}
	if err := checkSource(o.SourceDir, o.Embedded); err != nil {
		return cache, err
	}
	lock, err := state.WaitLock(ctx, filepath.Join(cache.Dir(), ".lock"), func() {
		o.Log.Step("another build is under way; waiting for it")
	})
	if err != nil {
		return cache, err
	}
	defer lock.Release()
	for _, b := range wanted(o.Target) {
		if err := buildOne(ctx, o, cache, b); err != nil {
			return cache, err
		}
	}
	if o.Target == ForCluster {
		return cache, buildImages(o, cache)
	}
	return cache, nil
}

func buildOne(ctx context.Context, o Options, cache Cache, b binary) error {
	output := filepath.Join(cache.BinDir(), b.name)
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	if !exists(output) {
		if err := compile(ctx, o, b, output); err != nil {
			return err
		}
	}
	for _, link := range b.links {
		path := filepath.Join(cache.BinDir(), link)
		if exists(path) {
			continue
		}
		if err := os.Symlink(filepath.Base(output), path); err != nil {
			return err
		}
	}
	return nil
}

// compile runs the Go compiler and says how long it took; while it runs, it says so every half minute.
func compile(ctx context.Context, o Options, b binary, output string) error {
	o.Log.Step("%s: building", b.name)
	start := time.Now()
	tmp := output + ".building"
	cmd := exec.CommandContext(ctx, "go", b.args(tmp)...)
	cmd.Dir = o.SourceDir
	cmd.Env = append(os.Environ(), b.env()...)
	// A compiler that outlives us would write into the next run's files.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	o.Log.While(b.name+": still building", func() {
		var text []byte
		if text, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("building %s from %s: %w\n%s%s", b.name, b.pkg, err, text, hint(b))
		}
	})
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, output); err != nil {
		return err
	}
	o.Log.Step("%s: built in %s", b.name, time.Since(start).Round(100*time.Millisecond))
	return nil
}

// hint says what a failed build most likely lacks.
func hint(b binary) string {
	if !b.cgo {
		return ""
	}
	return "runc needs a C compiler and libseccomp's headers: `cluster packages` names the Debian packages\n"
}

func buildImages(o Options, cache Cache) error {
	if exists(filepath.Join(cache.ImagesDir(), "index.json")) {
		return nil
	}
	start := time.Now()
	if err := images.WriteLayout(cache.ImagesDir(), imageSpecs(cache.BinDir())); err != nil {
		return err
	}
	o.Log.Step("images: assembled in %s", time.Since(start).Round(100*time.Millisecond))
	return nil
}
