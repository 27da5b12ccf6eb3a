// SPDX-License-Identifier: Apache-2.0

// Package browser looks at pages as people do: in a headless Chromium, with its keyboard, at some width, in the light or
// in the dark.
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Required is the variable of the environment by which a test fails that finds no Chromium, instead of being skipped.
const Required = "WINDLASS_REQUIRE_CHROMIUM"

// Find finds Chromium, "" where there is none.
func Find() string {
	for _, name := range []string{os.Getenv("WINDLASS_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Browser is a tab of a Chromium of its own.
type Browser struct {
	ctx   context.Context
	close context.CancelFunc

	mu       sync.Mutex
	requests []string
	errors   []string
}

// limit is how long a single step may take on a busy machine.
const limit = time.Minute

// Open starts Chromium, until Close.
func Open() (*Browser, error) {
	path := Find()
	if path == "" {
		return nil, errors.New("there is no Chromium: apt-get install chromium, or name it by WINDLASS_CHROMIUM")
	}
	// Not a step's context: the browser lives as long as the context of the first one.
	allocated, end := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU)...)
	b := &Browser{}
	tab, done := chromedp.NewContext(allocated, chromedp.WithListener(b.note))
	b.ctx, b.close = tab, func() { done(); end() }
	err := chromedp.Do(b.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		if err == nil {
			_, err = cdp.Call(ctx, t, log.Enable, cdp.Empty{})
		}
		return chromedp.Void{}, err
	})
	if err != nil {
		b.close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return b, nil
}

// Close ends it.
func (b *Browser) Close() { b.close() }

func (b *Browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.errors = append(b.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// Elsewhere are the requests to others than the server of a URL.
func (b *Browser) Elsewhere(url string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.requests), func(request string) bool {
		return strings.HasPrefix(request, url) || strings.HasPrefix(request, "data:") || strings.HasPrefix(request, "about:")
	})
}

// Forget forgets the requests, and what the console has said.
func (b *Browser) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests, b.errors = nil, nil
}

// Errors are what the console has said: refused scripts and styles among them.
func (b *Browser) Errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors)
}

// Before runs a script in each page before those of the page, until undone.
func (b *Browser) Before(script string) (undo func() error, err error) {
	var id page.ScriptIdentifier
	err = b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		added, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		if err == nil {
			id = added.Identifier
		}
		return chromedp.Void{}, err
	})
	return func() error {
		return command(b, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams{Identifier: id})
	}, err
}

func (b *Browser) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// command sends a command of the protocol.
func command[P, R any](b *Browser, what cdp.Command[P, R], params P) error {
	return b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, what, params)
		return chromedp.Void{}, err
	})
}

// Go opens a page.
func (b *Browser) Go(url string) error { return b.do(chromedp.Navigate(url)) }

// Size makes the window so large.
func (b *Browser) Size(width, height int64) error {
	return b.do(chromedp.EmulateViewport(width, height))
}

// Dark says which colours the person prefers.
func (b *Browser) Dark(dark bool) error {
	value := "light"
	if dark {
		value = "dark"
	}
	return command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
}

// Scripts has pages run their scripts, or not.
func (b *Browser) Scripts(run bool) error {
	return command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
}

// Press presses keys, such as "\t" or "\r".
func (b *Browser) Press(keys string) error { return b.do(chromedp.KeyEvent(keys)) }

// Tab presses the tabulator.
func (b *Browser) Tab() error { return b.Press(kb.Tab) }

// Picture takes a picture of the whole page, as PNG.
func (b *Browser) Picture() ([]byte, error) {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	return chromedp.Run(ctx, chromedp.FullScreenshot(100))
}

// Ask asks a script that is an expression, and returns its value.
func Ask[T any](b *Browser, script string) (T, error) {
	var out T
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify("+script+")"))
	if err != nil {
		return out, fmt.Errorf("%s: %w", script, err)
	}
	err = json.Unmarshal([]byte(text), &out)
	return out, err
}

// Text is what an element says; "" where there is none.
func (b *Browser) Text(selector string) (string, error) {
	quoted, err := json.Marshal(selector)
	if err != nil {
		return "", err
	}
	return Ask[string](b, fmt.Sprintf("(document.querySelector(%s) || {innerText: ''}).innerText", quoted))
}
