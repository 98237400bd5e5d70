// Package providertest holds the cases that every provider must pass.
package providertest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/providers"
)

// Case is one provider with values that it must work with.
type Case struct {
	Kind   providers.Kind
	Values map[string]any // by Field.Name, of the fields' types
	Want   providers.Identity
	Proof  string // JSON that Proof must give; "" when the provider has none
	// Metadata carries the provider's calls; nil for one that makes none.
	Metadata http.RoundTripper
}

// provider makes the provider.
func (c Case) provider(t *testing.T) providers.Provider {
	t.Helper()
	return c.Kind.New(providers.NewValues(c.Values), providers.Deps{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Metadata: c.Metadata})
}

// Run runs every case against c.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("kind", func(t *testing.T) { kind(t, c.Kind) })
	t.Run("values", func(t *testing.T) { values(t, c) })
	t.Run("identity", func(t *testing.T) { identity(t, c) })
	t.Run("proof", func(t *testing.T) { proof(t, c) })
	t.Run("secrets", func(t *testing.T) { secrets(t, c) })
	t.Run("watch", func(t *testing.T) { watch(t, c) })
}

// kind checks that the description is one that a configuration can be read by.
func kind(t *testing.T, k providers.Kind) {
	t.Helper()
	if k.Name == "" || k.New == nil {
		t.Fatal("a kind needs a name and New")
	}
	seen := map[string]bool{}
	for _, f := range k.Fields {
		if f.Name == "" || f.HCL == "" || strings.ToLower(f.HCL) != f.HCL {
			t.Errorf("field %+q needs a name, and a lower-case one for provider files", f.Name)
		}
		if seen[f.Name] || seen[f.HCL] {
			t.Errorf("field %s is listed twice", f.Name)
		}
		seen[f.Name], seen[f.HCL] = true, true
		if f.Type != providers.Text && (f.Check != nil || f.Default != "" || f.Secret) {
			t.Errorf("field %s: only texts have checks and defaults, or are secret", f.Name)
		}
		if f.FileFor != "" && !slices.ContainsFunc(k.Fields, func(o providers.Field) bool {
			return o.Name == f.FileFor && o.Secret && o.Type == providers.Text
		}) {
			t.Errorf("field %s: there is no secret text %s", f.Name, f.FileFor)
		}
	}
}

// values checks that the case's own values are ones that the fields allow.
func values(t *testing.T, c Case) {
	t.Helper()
	for _, f := range c.Kind.Fields {
		v, ok := c.Values[f.Name].(string)
		if ok && f.Check != nil {
			if err := f.Check(v); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
		if f.Check != nil && f.Secret {
			const bad = "this secret, which cannot be right"
			if err := f.Check(bad); err == nil || strings.Contains(err.Error(), bad) {
				t.Errorf("%s: the error for a wrong secret shows it, or there is none: %v", f.Name, err)
			}
		}
	}
}

func identity(t *testing.T, c Case) {
	t.Helper()
	got, err := c.provider(t).Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, c.Want) {
		t.Errorf("identity\n got %+v\nwant %+v", got, c.Want)
	}
	for name, err := range map[string]error{
		"RootURL": providers.CheckRootURL(got.RootURL), "ProviderID": providers.CheckIdentifier(got.ProviderID),
		"WorkerPoolID": providers.CheckPool(got.WorkerPoolID), "WorkerGroup": providers.CheckIdentifier(got.WorkerGroup),
		"WorkerID": providers.CheckIdentifier(got.WorkerID),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got.Location["cloud"] == "" || strings.HasSuffix(got.RootURL, "/") {
		t.Errorf("location %v, root URL %s", got.Location, got.RootURL)
	}
	if _, err := json.Marshal(got.Metadata); err != nil {
		t.Errorf("metadata is not JSON: %v", err)
	}
}

func proof(t *testing.T, c Case) {
	t.Helper()
	p := c.provider(t)
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := p.Proof(t.Context())
	if err != nil || string(got) != c.Proof {
		t.Errorf("proof %s, %v; want %s", got, err, c.Proof)
	}
	owner, credentialed := p.(providers.Credentialed)
	if credentialed != (c.Proof == "") {
		t.Errorf("a provider either proves itself or brings credentials along")
	}
	if credentialed {
		if id, token := owner.Credentials(); id == "" || token == "" {
			t.Errorf("client %q, token of %d characters", id, len(token))
		}
	}
}

// secrets checks that printing a provider, or what it was made from, shows none.
func secrets(t *testing.T, c Case) {
	t.Helper()
	v := providers.NewValues(c.Values)
	p := c.provider(t)
	for _, f := range c.Kind.Fields {
		text, _ := c.Values[f.Name].(string)
		if !f.Secret || text == "" {
			continue
		}
		for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
			if strings.Contains(fmt.Sprintf(form, p), text) || strings.Contains(fmt.Sprintf(form, v), text) {
				t.Errorf("%s shows %s", form, f.Name)
			}
		}
	}
}

// watch checks that a watcher stops when it is told to.
func watch(t *testing.T, c Case) {
	t.Helper()
	w, ok := c.provider(t).(providers.Watcher)
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := w.Watch(ctx); err == nil {
			t.Error("Watch gave a notice after its context ended")
		}
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("Watch does not end with its context")
	}
}
