// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"regexp"
	"strings"
)

// prompt stands before what is typed, in blocks that also show what comes back.
const prompt = "$ "

// Command is what a reader types, and what comes back.
type Command struct {
	Text string
	// Shown is what the page says comes back. None: the page shows nothing of it, and it only has to succeed.
	Shown []string
}

// Commands are those of a console block: each that has a prompt, or else the block as a whole.
func (b *Block) Commands() []Command {
	if !strings.HasPrefix(b.Text, prompt) && !strings.Contains(b.Text, "\n"+prompt) {
		return []Command{{Text: b.Text}}
	}
	var commands []Command
	for line := range strings.Lines(b.Text) {
		line = strings.TrimRight(line, "\n")
		last := len(commands) - 1
		switch {
		case strings.HasPrefix(line, prompt):
			commands = append(commands, Command{Text: strings.TrimPrefix(line, prompt)})
		case last < 0:
		case len(commands[last].Shown) == 0 && strings.HasSuffix(commands[last].Text, `\`):
			commands[last].Text += "\n" + line
		default:
			commands[last].Shown = append(commands[last].Shown, line)
		}
	}
	for i := range commands {
		commands[i].Shown = trimmed(commands[i].Shown)
	}
	return commands
}

// trimmed is without the empty lines that set commands apart.
func trimmed(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// Print is the text of a console block of commands with prompts.
func Print(commands []Command) string {
	var out strings.Builder
	for _, c := range commands {
		out.WriteString(prompt + c.Text + "\n")
		for _, line := range c.Shown {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

var writing = regexp.MustCompile(
	`\b(apply|create|delete|patch|set|scale|label|annotate|restart|cordon|uncordon|drain|pause|resume|undo|run|edit|taint)\b` +
		`|--lift|\bhelm (install|upgrade|uninstall|rollback|test)\b|bin/cluster|>`)

// OnlyReads reports whether a command changes nothing, so that it can be given again until what it shows is there.
func (c Command) OnlyReads() bool { return !writing.MatchString(firstWords(c.Text)) }

var quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)

// firstWords is a command without what is quoted in it.
func firstWords(command string) string { return quoted.ReplaceAllString(command, "") }
