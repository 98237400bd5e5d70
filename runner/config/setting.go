package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/policy"
)

// Setting is one key of the effective configuration.
type Setting struct {
	Path  []string `json:"key"`   // the key after its parents
	Value any      `json:"value"` // of JSON; hidden when it is secret
	From  string   `json:"from"`  // "runner.yml:7", "default", "environment AWS_…"
}

const (
	fromDefault = "default"
	hidden      = "[redacted]"
)

// note adds a setting.
func (l *loader) note(from string, value any, path ...string) {
	l.settings = append(l.settings, Setting{Path: path, Value: value, From: from})
}

// origin is the place of a key of the block, or the default.
func (b *block) origin(name string) string {
	if !b.has(name) {
		return fromDefault
	}
	return fmt.Sprintf("%s:%d", b.file, b.lineOf(b.key(name)))
}

// noteField adds a key of the provider.
func (l *loader) noteField(f providers.Field, from string, value any) {
	if f.Secret {
		value = hidden
	}
	l.note(from, value, "provider", f.Name)
}

// explain adds every key but the provider's own, which were added when they were read.
func (l *loader) explain(top *block, c Config) {
	place := top.object("provider", false)
	from := place.origin("providerType")
	if from == fromDefault || place.values["providerType"] == "auto" {
		from = c.Place.Why
	}
	l.note(from, c.Place.Kind.Name, "provider", "providerType")
	l.note(place.origin("powerOff"), c.Place.PowerOff, "provider", "powerOff")
	worker := top.object("worker", false)
	l.note(worker.origin("implementation"), string(c.Worker.Implementation), "worker", "implementation")
	if c.Worker.Implementation == GenericWorker {
		if c.Worker.Service != "" {
			l.note(worker.origin("service"), c.Worker.Service, "worker", "service")
			l.note(worker.origin("protocolPipe"), c.Worker.ProtocolPipe, "worker", "protocolPipe")
		} else {
			l.note(worker.origin("path"), c.Worker.Path, "worker", "path")
		}
		l.note(worker.origin("configPath"), c.Worker.ConfigPath, "worker", "configPath")
	}
	l.note(top.origin("getSecrets"), c.GetSecrets, "getSecrets")
	l.note(top.origin("cacheOverRestarts"), c.StateFile, "cacheOverRestarts")
	l.note(top.origin("controlSocket"), c.ControlSocket, "controlSocket")
	l.note(top.origin("caFile"), c.CAFile, "caFile")
	logging := top.object("logging", false)
	l.note(logging.origin("implementation"), "stdio", "logging", "implementation")
	l.note(logging.origin("format"), string(c.LogFormat), "logging", "format")
	notices := top.object("notices", false)
	l.note(notices.origin("drainOn"), append([]string{}, c.Notices.DrainOn...), "notices", "drainOn")
	l.note(notices.origin("finishTasksIfLeft"), c.Notices.FinishTasksIfLeft.String(), "notices", "finishTasksIfLeft")
	l.note(top.origin("exitWithWorkerCode"), c.ExitWithWorkerCode, "exitWithWorkerCode")
	l.explainPolicy(top.object("policy", false), c)
	l.explainMap(top, worker.object("workerkit", false).values, "worker", "workerkit")
	l.explainMap(top, top.object("workerConfig", false).values, "workerConfig")
}

func (l *loader) explainPolicy(b *block, c Config) {
	l.note(b.origin("holdFile"), c.HoldFile, "policy", "holdFile")
	l.note(b.origin("helloWithin"), c.HelloWithin.String(), "policy", "helloWithin")
	for _, row := range policy.Rows() {
		rule, of := c.Policy[row], b.object(string(row), optional)
		note := func(name string, value any) { l.note(of.origin(name), value, "policy", string(row), name) }
		if rule.Restarts > 0 {
			note("restarts", rule.Restarts)
			note("within", rule.Within.String())
			note("backOff", rule.BackOff.String())
		}
		if rule.Hold > 0 {
			note("hold", rule.Hold.String())
		}
		note("release", string(rule.Release))
		note("exit", rule.Exit)
	}
}

// explainMap adds each value of a block of worker config.
func (l *loader) explainMap(b *block, values map[string]any, path ...string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		inner := append(slices.Clone(path), key)
		if m, ok := values[key].(map[string]any); ok && len(m) > 0 {
			l.explainMap(b, m, inner...)
			continue
		}
		l.note(fmt.Sprintf("%s:%d", b.file, b.lineOf(strings.Join(inner, "."))), Shown(key, values[key]), inner...)
	}
}

// Shown is the value of a key of worker config for whoever prints it: what has a name that
// says that it is secret is hidden.
func Shown(key string, value any) any {
	name := strings.ToLower(key)
	name = strings.NewReplacer("_", "", "-", "").Replace(name)
	for _, part := range []string{"secret", "token", "password", "passwd", "passphrase", "certificate", "credential", "privatekey", "apikey", "accesskey"} {
		if strings.Contains(name, part) {
			return hidden
		}
	}
	switch v := value.(type) {
	case string:
		if u, err := url.Parse(v); err == nil && u.User != nil {
			return hidden // somebody's name and password
		}
	case map[string]any:
		shown := make(map[string]any, len(v))
		for inner, value := range v {
			shown[inner] = Shown(inner, value)
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, value := range v {
			shown[i] = Shown("", value)
		}
		return shown
	}
	return value
}
