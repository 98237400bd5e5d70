package diff

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// How many characters of a value are shown.
const (
	maxShown  = 80
	maxDigest = 17 // of a file: its mode, and enough of its digest
)

// Print writes a report for people: a block for each kind that differs, + for what only B has,
// - for what only A has, and last a line that says how many there are.
func (r Report) Print(out io.Writer) error {
	fmt.Fprintf(out, "%s -> %s\n", r.A, r.B)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	kind := ""
	for _, c := range r.Changes {
		if c.Kind != kind {
			kind = c.Kind
			fmt.Fprintf(w, "\n%s\n", kind)
		}
		switch {
		case c.A == "":
			fmt.Fprintf(w, "+ %s\t%s\n", c.Name, short(kind, c.B))
		case c.B == "":
			fmt.Fprintf(w, "- %s\t%s\n", c.Name, short(kind, c.A))
		default:
			fmt.Fprintf(w, "~ %s\t%s -> %s\n", c.Name, short(kind, c.A), short(kind, c.B))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	text := "\nthe same"
	if len(r.Changes) > 0 {
		text = fmt.Sprintf("\n%d differ: %s", len(r.Changes), r.Count())
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

func short(kind, text string) string {
	most := maxShown
	if kind == Files {
		most = maxDigest
	}
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
