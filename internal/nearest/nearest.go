// Package nearest finds the name that was perhaps meant by one that nobody knows.
package nearest

import "strings"

// Name returns the one of names that is most like the misspelt one; false when none is like it. Case,
// underscores and dashes do not count, and about a third of the letters may be wrong. Of several
// that are equally like it, it is the first.
func Name(misspelt string, names []string) (string, bool) {
	wrong := plain(misspelt)
	best, least := "", len(wrong)/3+1
	for _, name := range names {
		if d := distance(wrong, plain(name)); d < least {
			best, least = name, d
		}
	}
	return best, best != ""
}

// Same tells whether two names differ in no more than case, underscores and dashes.
func Same(a, b string) bool { return plain(a) == plain(b) }

// plain is the name without what people get wrong most: case, underscores, dashes.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// distance is the number of letters to insert, delete or change to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
