package config

import (
	"crypto/x509"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/nearest"
	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/providers"
)

// stateFile reads cacheOverRestarts: a path, or true for the default one.
func (l *loader) stateFile(top *block) string {
	return top.switchedPath("cacheOverRestarts", "", l.options.StateFile)
}

// Socket reads nothing but the control socket from the config at path: "" when it is off.
func Socket(path string, o Options) (string, error) {
	l := &loader{options: o, report: &report{}}
	data, _, err := private.Read(path)
	if err != nil {
		return "", err
	}
	doc, problem := parseYAML(path, data, &report{}) // other keys may be as wrong as they like
	if problem != nil {
		return "", problem
	}
	return l.controlSocket(doc.root(l.report)), l.report.err()
}

// controlSocket reads controlSocket: a path, or false or "" for none.
func (l *loader) controlSocket(top *block) string {
	return top.switchedPath("controlSocket", l.options.ControlSocket, l.options.ControlSocket)
}

// switchedPath reads a path that true and false stand for as well: true for the usual one,
// false for none. absent is what a missing key means.
func (b *block) switchedPath(name, absent, usual string) string {
	on, is := b.truth(name)
	switch {
	case is:
		b.used[name] = true
		if on {
			return usual
		}
		return ""
	case !b.has(name):
		b.get(name, optional) // a key without a value
		return absent
	default:
		return b.text(name, optional)
	}
}

// logging has one implementation, as the public program's; format is ours.
func (l *loader) logging(top *block) LogFormat {
	if !top.has("logging") {
		top.get("logging", optional)
		return Text
	}
	b := top.object("logging", false)
	if name := b.text("implementation", required); name != "stdio" && name != "" {
		b.warn("implementation", fmt.Sprintf("%q is no logging implementation; logs go to standard error", name))
	}
	format := LogFormat(b.text("format", optional))
	b.warnUnknown()
	switch {
	case format == "":
		return Text
	case !slices.Contains([]LogFormat{Text, JSON, Journal}, format):
		b.problem("format", "%q is no log format: use text, json or journald", string(format))
	case format == Journal && runtime.GOOS != "linux":
		b.problem("format", "there is a journal on Linux only: use text or json")
	}
	return format
}

// caFile reads the path of certificates, and checks that it holds some.
func (l *loader) caFile(top *block) string {
	path := top.text("caFile", optional)
	if path == "" {
		return ""
	}
	data, err := os.ReadFile(path)
	switch {
	case err != nil:
		top.problem("caFile", "%v", err)
	case !x509.NewCertPool().AppendCertsFromPEM(data):
		top.problem("caFile", "%s holds no certificate in PEM form", path)
	}
	return path
}

// notices reads what follows from what a place announces.
func (l *loader) notices(b *block, kind providers.Kind) Notices {
	n := Notices{DrainOn: b.texts("drainOn"), FinishTasksIfLeft: b.duration("finishTasksIfLeft", enoughToFinish)}
	for _, reason := range n.DrainOn {
		if slices.Contains(kind.Advice, reason) || kind.Name == "" {
			continue
		}
		text := fmt.Sprintf("%s never gives the reason %q", kind.Name, reason)
		if near, ok := nearest.Name(reason, kind.Advice); ok {
			text += "; perhaps you meant " + near
		} else if len(kind.Advice) > 0 {
			text += "; its reasons are " + strings.Join(kind.Advice, ", ")
		}
		b.warn("drainOn", text)
	}
	b.refuseUnknown()
	return n
}

// texts reads a list of texts.
func (b *block) texts(name string) []string {
	value, ok := b.get(name, optional)
	if !ok {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		b.problem(name, "must be a list of texts, but is %s", describe(value))
		return nil
	}
	var texts []string
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			b.problem(name, "must be a list of texts, but has %s in it", describe(item))
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

// duration reads a duration such as "10m".
func (b *block) duration(name string, absent time.Duration) time.Duration {
	if !b.has(name) {
		b.get(name, optional)
		return absent
	}
	text, ok := b.values[name].(string)
	d, err := time.ParseDuration(text)
	b.used[name] = true
	switch {
	case !ok:
		b.problem(name, `must be a duration such as "90s" or "10m", but is %s`, describe(b.values[name]))
	case err != nil:
		b.problem(name, `%q is no duration: write it like "90s" or "10m"`, text)
	case d < 0:
		b.problem(name, "must not be negative")
	default:
		return d
	}
	return absent
}

// enoughToFinish is how much time must be left before a deadline so that tasks are finished,
// unless the config says otherwise.
const enoughToFinish = 10 * time.Minute
