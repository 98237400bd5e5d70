package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/providers"
)

const (
	// probing is how long all probes of metadata services may take together.
	probing = 2 * time.Second
	// booting is how long a machine without a network is given to get one before that.
	booting = 10 * time.Second
)

// detect finds a place that nobody has named: by the provider file, by the firmware, by asking
// the metadata services.
func (l *loader) detect(ctx context.Context, b *block, file string, place Place) Place {
	explicit := file != ""
	if !explicit {
		file = l.options.ProviderFile
	}
	if _, err := os.Lstat(file); explicit || !errors.Is(err, fs.ErrNotExist) {
		place.Why = "the provider file " + file + " is there"
		return l.fromFile(b, file, place, true)
	}
	facts := l.options.Facts()
	kind, ok := Match(l.options.Kinds, facts)
	place.Why = "the firmware says " + brief(facts)
	if !ok {
		var names []string
		kind, names = l.probe(ctx, b)
		place.Why = fmt.Sprintf("its metadata service answers, the firmware says %s", brief(facts))
		ok = len(names) == 1
		if len(names) > 1 {
			l.undetected(b, "name one of them", fmt.Sprintf("the metadata services of %s answer", strings.Join(names, " and ")))
			return place
		}
	}
	if !ok {
		l.undetected(b, "name one of "+l.names(),
			fmt.Sprintf("there is no provider file %s, the firmware (%s) names no known place, and no metadata service answers", file, brief(facts)))
		return place
	}
	place.Kind = kind
	place.Values = l.values(kind, b, yamlName)
	b.warnUnknown()
	return place
}

// undetected reports that the place cannot be found out, in words that fit what the config says;
// advice is what to do in it.
func (l *loader) undetected(b *block, advice, why string) {
	why = "it cannot be found out where this machine runs: " + why
	switch {
	case b.file == "": // there is no config
		l.report.add(&Problem{Text: why})
	case b.has("providerType"):
		b.problem("providerType", "is auto, but %s; %s", why, advice)
	default:
		b.problem("providerType", "is missing, and %s; %s", why, advice)
	}
}

// Detect finds out where the machine runs when there is no config that could say it. The error
// is as that of Load.
func Detect(ctx context.Context, o Options) (Place, error) {
	l := &loader{options: o, report: &report{}}
	doc := &document{}
	place := l.place(ctx, doc.root(l.report).object("provider", optional))
	return place, l.report.err()
}

// Match is the kind of place that the firmware names.
func Match(kinds []providers.Kind, f providers.Facts) (providers.Kind, bool) {
	for _, kind := range kinds {
		if kind.Matches != nil && kind.Matches(f) {
			return kind, true
		}
	}
	return providers.Kind{}, false
}

// Cloud is the cloud that the firmware proves to be the machine's.
func Cloud(kinds []providers.Kind, f providers.Facts) (providers.Kind, bool) {
	kind, ok := Match(kinds, f)
	return kind, ok && kind.Ephemeral
}

// contradiction finds and reports a provider file that says something else than the firmware. A file left
// in a cloud's image would make every machine of that image the same worker.
func (l *loader) contradiction(file *block, kind providers.Kind) bool {
	facts := l.options.Facts()
	cloud, ok := Cloud(l.options.Kinds, facts)
	if ok = ok && cloud.Name != kind.Name; ok {
		file.problem("provider", "is %s, but the firmware (%s) is that of %s: every machine with this file would be the same worker; remove the file, or write force = true in it",
			kind.Name, brief(facts), cloud.Name)
	}
	return ok
}

// probe asks all metadata services at once and returns who answers; the kind is that of the
// only one.
func (l *loader) probe(ctx context.Context, b *block) (kind providers.Kind, answered []string) {
	ctx, done := context.WithTimeout(ctx, booting+probing)
	defer done()
	once := retry.Policy{Total: time.Nanosecond} // but again as long as there is no network
	answers := make([]bool, len(l.options.Kinds))
	var all sync.WaitGroup
	for i, k := range l.options.Kinds {
		if k.Probe == nil {
			continue
		}
		values := l.tentative(k, b)
		all.Go(func() {
			answers[i] = retry.Do(ctx, once, func(ctx context.Context) error {
				ctx, done := context.WithTimeout(ctx, probing)
				defer done()
				return k.Probe(ctx, values, l.options.Probe)
			}) == nil
		})
	}
	all.Wait()
	for i, k := range l.options.Kinds {
		if answers[i] {
			kind, answered = k, append(answered, k.Name)
		}
	}
	return kind, answered
}

// tentative reads the values of a kind that may turn out not to be the place: nothing is
// reported, and no key of the block counts as known because of it.
func (l *loader) tentative(kind providers.Kind, b *block) providers.Values {
	quiet := &report{}
	other := &loader{options: l.options, report: quiet}
	twin := *b
	twin.report, twin.used, twin.blocks = quiet, map[string]bool{}, nil
	return other.values(kind, &twin, yamlName)
}

// brief are the facts for a line of text.
func brief(f providers.Facts) string {
	var parts []string
	for _, text := range []string{f.BIOSVendor, f.Vendor, f.Product} {
		if text != "" && (len(parts) == 0 || parts[len(parts)-1] != fmt.Sprintf("%q", text)) {
			parts = append(parts, fmt.Sprintf("%q", text))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
