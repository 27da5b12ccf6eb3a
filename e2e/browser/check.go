// SPDX-License-Identifier: Apache-2.0

package browser

import (
	_ "embed"
	"errors"
	"time"
)

//go:embed check.js
var script string

// Focus is where the keyboard is.
type Focus struct {
	// Tag, ID and Text are of the element; Home is the id of the nearest element that has one.
	Tag, ID, Text, Home string
	// Seen: it is marked in a way that can be seen.
	Seen bool
}

// Focused says where the keyboard is.
func (b *Browser) Focused() (Focus, error) { return Ask[Focus](b, "("+script+")().focused()") }

// Walk presses the tabulator until it has been everywhere, or as often as is given.
func (b *Browser) Walk(most int) ([]Focus, error) {
	var out []Focus
	for range most {
		if err := b.Tab(); err != nil {
			return out, err
		}
		f, err := b.Focused()
		if err != nil {
			return out, err
		}
		if f.Tag == "BODY" {
			break
		}
		out = append(out, f)
	}
	return out, nil
}

// Faint are the texts and marks that do not stand out from what is behind them as WCAG AA demands, with the ratios.
func (b *Browser) Faint() ([]string, error) { return Ask[[]string](b, "("+script+")().faint()") }

// Faults are what keeps a page from people with a screen reader, and from those with a narrow screen: controls without a
// name, ids that are there twice, headings that are left out, what is wider than the window.
func (b *Browser) Faults() ([]string, error) { return Ask[[]string](b, "("+script+")().faults()") }

// FirstPaint is after how many milliseconds the first content of the page was there.
func (b *Browser) FirstPaint() (float64, error) {
	const look = "(performance.getEntriesByName('first-contentful-paint')[0] || {startTime: -1}).startTime"
	for began := time.Now(); ; time.Sleep(pause) {
		at, err := Ask[float64](b, look)
		if err != nil || at >= 0 {
			return at, err
		}
		if time.Since(began) > limit {
			return 0, errors.New("nothing was painted")
		}
	}
}

const pause = 50 * time.Millisecond
