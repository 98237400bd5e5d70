package scopes

import (
	"errors"
	"strings"
)

// ErrEndless is the reason of an Expand whose roles grant each other ever longer scopes.
var ErrEndless = errors.New("the roles expand without end")

// expandLimit is how many scopes an expansion may give before it counts as endless; real
// deployments have a few thousand.
const expandLimit = 20_000

// Role grants its scopes to who holds "assume:" + ID. An ID that ends with "*" is a pattern:
// what a holder has in the place of the star replaces "<..>" in the scopes.
type Role struct {
	ID     string
	Scopes []string
}

// Expand returns the held scopes and all that the roles add to them, normalized.
func Expand(held []string, roles []Role) ([]string, error) {
	all := make([]string, 0, len(held))
	var stars []string // those of all that end with a star
	seen := make(map[string]bool, len(held))
	add := func(s string) {
		if seen[s] || Satisfies(stars, s) {
			return // what a scope gives, a wider one gives as well
		}
		seen[s] = true
		all = append(all, s)
		if strings.HasSuffix(s, "*") {
			stars = append(stars, s)
		}
	}
	for _, s := range held {
		add(s)
	}
	for i := 0; i < len(all); i++ {
		if len(all) > expandLimit {
			return nil, ErrEndless
		}
		for _, role := range roles {
			parameter, assumed := assumes(all[i], role.ID)
			if !assumed {
				continue
			}
			for _, s := range role.Scopes {
				add(substitute(s, parameter))
			}
		}
	}
	return Normalize(all), nil
}

// assumes tells whether scope grants the role, and the parameter that it gives to it.
func assumes(scope, roleID string) (parameter string, ok bool) {
	role := "assume:" + roleID
	rolePrefix, pattern := strings.CutSuffix(role, "*")
	if pattern && strings.HasPrefix(scope, rolePrefix) {
		return scope[len(rolePrefix):], true
	}
	if !grants(scope, role) {
		return "", false
	}
	if pattern {
		return "*", true // all that the pattern may stand for
	}
	return "", true
}

// substitute puts the parameter in the place of "<..>". A parameter that ends with "*" ends
// the scope, because a star means something only there.
func substitute(scope, parameter string) string {
	before, after, found := strings.Cut(scope, "<..>")
	if !found {
		return scope
	}
	if strings.HasSuffix(parameter, "*") {
		return before + parameter
	}
	return before + parameter + strings.ReplaceAll(after, "<..>", parameter)
}
