// Package scopes is Taskcluster's scope arithmetic: satisfaction, roles and scope expressions.
package scopes

import (
	"slices"
	"strings"
)

// Satisfies tells whether the scopes that are held grant the scope that is wanted. A held
// scope that ends with "*" grants every scope with what stands before the star as its prefix.
func Satisfies(held []string, wanted string) bool {
	return slices.ContainsFunc(held, func(h string) bool { return grants(h, wanted) })
}

// Missing returns the wanted scopes that the held ones do not grant, in their order.
func Missing(held, wanted []string) []string {
	var missing []string
	for _, w := range wanted {
		if !Satisfies(held, w) {
			missing = append(missing, w)
		}
	}
	return missing
}

// Normalize returns the scopes sorted, without those that another one grants. It is never nil.
func Normalize(held []string) []string {
	sorted := slices.Clone(held)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	stars := slices.DeleteFunc(slices.Clone(sorted), func(s string) bool { return !strings.HasSuffix(s, "*") })
	kept := make([]string, 0, len(sorted))
	for _, s := range sorted {
		byOther := slices.ContainsFunc(stars, func(star string) bool { return star != s && grants(star, s) })
		if !byOther {
			kept = append(kept, s)
		}
	}
	return kept
}

func grants(held, wanted string) bool {
	prefix, star := strings.CutSuffix(held, "*")
	return held == wanted || star && strings.HasPrefix(wanted, prefix)
}
