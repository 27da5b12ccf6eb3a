// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/windlass-operator/windlass/cli/internal/show"
	"github.com/windlass-operator/windlass/cli/internal/term"
)

// interval is how often what is watched is looked at.
const interval = 2 * time.Second

// printed prints what was read, as often as it is asked to.
type printed func(p *show.Printer) error

// watch shows what is read, again and again. The first look must succeed; when a later one fails, what was seen last
// stays, and it is said.
func (c *cli) watch(ctx context.Context, look func(context.Context) (printed, error)) error {
	var last printed
	return term.Watch(ctx, c.Out, interval, func(ctx context.Context) (term.Frame, error) {
		shown, err := look(ctx)
		trouble := ""
		switch {
		case err != nil && last == nil:
			return term.Frame{}, err
		case err != nil:
			trouble = fmt.Sprintf("\nNot read anew: %v. It is tried again.\n", err)
		default:
			last = shown
		}
		return c.frame(last, trouble)
	})
}

// frame prints twice: for the eye, and without the time for a comparison with the frame before.
func (c *cli) frame(shown printed, trouble string) (term.Frame, error) {
	var text, key bytes.Buffer
	p := c.printer()
	p.Out = &text
	if err := shown(p); err != nil {
		return term.Frame{}, err
	}
	timeless := &show.Printer{Out: &key, Now: p.Now, Timeless: true}
	if err := shown(timeless); err != nil {
		return term.Frame{}, err
	}
	return term.Frame{Text: text.String() + trouble, Key: key.String() + trouble}, nil
}
