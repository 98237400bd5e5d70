package licence

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// List writes the modules with their licences as one text. A text that many modules share is in
// it once.
func List(modules []Module) string {
	var b strings.Builder
	b.WriteString("The programs of workerkit are under the Mozilla Public License 2.0 (see LICENSE). They contain the\n" +
		"following Go modules. The source of each, in the version given, is to be had at its path.\n\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, m := range modules {
		fmt.Fprintf(table, "%s\t%s\t%s\n", m.Path, m.Version, strings.Join(m.IDs, " AND "))
	}
	_ = table.Flush() // to a strings.Builder
	holders := map[string][]string{}
	var order []string
	for _, m := range modules {
		for _, t := range m.Texts {
			text := strings.TrimSpace(strings.ReplaceAll(t.Content, "\r\n", "\n"))
			if holders[text] == nil {
				order = append(order, text)
			}
			holders[text] = append(holders[text], m.Path+": "+t.Name)
		}
	}
	for _, text := range order {
		b.WriteString("\n" + strings.Repeat("=", 80) + "\n" + strings.Join(holders[text], "\n") + "\n" + strings.Repeat("-", 80) + "\n" + text + "\n")
	}
	return b.String()
}
