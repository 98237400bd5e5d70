package config

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/policy"
)

// helloWithin is how long a worker may take to say hello, unless the config says otherwise.
const helloWithin = 2 * time.Minute

// policy reads the rows that differ from the place's defaults, and what stands beside them.
func (l *loader) policy(b *block, c *Config) {
	place := c.Place
	if place.Kind.Name == "" { // for Options.Lost
		place.Kind, _ = Cloud(l.options.Kinds, l.options.Facts())
	}
	table := defaults(place)
	for _, row := range policy.Rows() {
		if name := string(row); b.has(name) {
			table[row] = b.object(name, optional).rule(table, row, place.Kind)
		} else {
			b.get(name, optional)
		}
	}
	c.Policy, c.HoldFile = table, l.options.HoldFile
	if path := b.text("holdFile", optional); path != "" {
		c.HoldFile = path
	}
	c.HelloWithin = b.duration("helloWithin", helloWithin)
	b.refuseUnknown()
}

func defaults(place Place) policy.Table {
	return policy.Defaults(policy.Place{Ephemeral: place.Kind.Ephemeral})
}

// rule reads one row.
func (b *block) rule(table policy.Table, row policy.Row, kind providers.Kind) policy.Rule {
	rule := table[row]
	rule.Restarts = b.number("restarts", rule.Restarts, 0, 1000)
	if b.has("restarts") && rule.Within == 0 { // of a row that has no restarts by default
		crashed := table[policy.Crashed]
		rule.Within, rule.BackOff = crashed.Within, crashed.BackOff
	}
	rule.Within = b.duration("within", rule.Within)
	rule.BackOff = b.duration("backOff", rule.BackOff)
	rule.Hold = b.duration("hold", rule.Hold)
	rule.Exit = b.number("exit", rule.Exit, 0, 255)
	rule.Release = b.release(rule.Release, kind)
	b.refuseUnknown()
	return rule
}

// release reads what becomes of the machine.
func (b *block) release(absent policy.Release, kind providers.Kind) policy.Release {
	const key = "release"
	release := policy.Release(b.text(key, optional))
	switch { // an unknown kind has been reported
	case release == "":
		return absent
	case !slices.Contains(policy.Releases(), release):
		b.problem(key, "%q is nothing that can be done with a machine: use one of %s", string(release), names(policy.Releases()))
	case release == policy.Remove && !kind.Ephemeral && kind.Name != "":
		b.problem(key, "worker-manager did not make a machine of the kind %s and cannot remove it: use keep, powerOff or reboot", kind.Name)
	}
	return release
}

func names[T ~string](all []T) string {
	var texts []string
	for _, one := range all {
		texts = append(texts, string(one))
	}
	return strings.Join(texts, ", ")
}

// number reads a whole number from least to most.
func (b *block) number(name string, absent, least, most int) int {
	value, ok := b.get(name, optional)
	if !ok {
		return absent
	}
	n, whole := 0, true
	switch v := value.(type) {
	case int:
		n = v
	case int64:
		n = int(v)
	case uint64:
		n = int(min(v, uint64(most)+1)) //nolint:gosec // it is not above most by more than one
	default:
		whole = false
	}
	if !whole || n < least || n > most {
		b.problem(name, "must be a whole number from %d to %d, but is %s", least, most, say(value, whole))
		return absent
	}
	return n
}

// say shows a number, and of anything else only what it is.
func say(value any, number bool) string {
	if !number {
		return describe(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return describe(value)
	}
	return string(text)
}

// Lost is the rule of the row policy.Lost, and the hold file, for a config that Load could not
// make sense of; c is what it returned. Nothing but the firmware may say that the machine is a
// cloud's, and nobody may have said that it is not.
func (o Options) Lost(c Config) (rule policy.Rule, holdFile string) {
	holdFile = c.HoldFile
	if holdFile == "" {
		holdFile = o.HoldFile
	}
	kind := c.Place.Kind
	if kind.Name != "" && !kind.Ephemeral {
		return c.Policy[policy.Lost], holdFile
	}
	of, proved := Cloud(o.Kinds, o.Facts())
	switch {
	case !proved:
		return defaults(Place{})[policy.Lost], holdFile
	case c.Policy != nil:
		return c.Policy[policy.Lost], holdFile
	default: // not even the YAML could be read
		return defaults(Place{Kind: of})[policy.Lost], holdFile
	}
}
