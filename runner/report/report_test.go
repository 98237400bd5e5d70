package report_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/control"
	"github.com/workerkit/workerkit/runner/report"
)

// extra is what worker-manager gets besides the texts.
type extra struct {
	Version, OS string
	Phases      map[string]float64
	Log         []string
}

func decode(t interface{ Fatal(...any) }, e tc.WorkerError) extra {
	var x extra
	if err := json.Unmarshal(e.Extra, &x); err != nil {
		t.Fatal(err)
	}
	return x
}

func lines(n int, text string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("line %d %s", i, text)
	}
	return all
}

func TestBuild(t *testing.T) {
	e := report.Build(report.Failure{
		Kind: "registration-refused", Title: "The worker could not\nregister", Err: errors.New("register: 400 InputError: no"),
		Phases: []control.Phase{{Name: "identify", Millis: 12.5}, {Name: "register", Millis: 300}},
		Lines:  lines(60, "x"),
	})
	if e.Kind != "registration-refused" || e.Title != "The worker could not register" || e.Description != "register: 400 InputError: no" {
		t.Errorf("%+v", e)
	}
	x := decode(t, e)
	if x.Version == "" || x.OS == "" || x.Phases["identify"] != 12.5 || x.Phases["register"] != 300 {
		t.Errorf("%+v", x)
	}
	if len(x.Log) != 50 || x.Log[0] != "line 10 x" || x.Log[49] != "line 59 x" {
		t.Errorf("%d lines, from %q to %q", len(x.Log), x.Log[0], x.Log[49])
	}
}

func TestLimits(t *testing.T) {
	phases := make([]control.Phase, 200)
	for i := range phases {
		phases[i] = control.Phase{Name: strings.Repeat("p", 300) + fmt.Sprint(i), Millis: math.NaN()}
	}
	e := report.Build(report.Failure{
		Kind: strings.Repeat("k.", 500), Title: strings.Repeat("é ", 500), Err: errors.New(strings.Repeat("e ", 50_000)),
		Phases: phases, Lines: lines(1000, strings.Repeat("\x00\xff<", 5_000)),
	})
	for name, c := range map[string]struct {
		text string
		most int
	}{"kind": {e.Kind, 128}, "title": {e.Title, 128}, "description": {e.Description, 10240}} {
		if n := len([]rune(c.text)); n != c.most {
			t.Errorf("%s has %d characters, want %d", name, n, c.most)
		}
	}
	if n := len(e.Extra); n > 64<<10 {
		t.Errorf("extra has %d bytes", n)
	}
	if x := decode(t, e); len(x.Log) == 0 || !strings.HasPrefix(x.Log[len(x.Log)-1], "line 999 ") {
		t.Errorf("%d lines", len(x.Log))
	}
}

func TestWithoutAnError(t *testing.T) {
	e := report.Build(report.Failure{Kind: "k", Title: "T"})
	if x := decode(t, e); e.Description != "T" || x.Log == nil || x.Phases == nil {
		t.Errorf("%+v, %s", e, e.Extra)
	}
}

// everything is all that a reader of the report sees.
func everything(t interface{ Fatal(...any) }, e tc.WorkerError) string {
	x := decode(t, e)
	all := []string{e.Kind, e.Title, e.Description, string(e.Extra)}
	for name := range x.Phases {
		all = append(all, name)
	}
	return strings.Join(append(all, x.Log...), "\n")
}

// TestGivenSecretsNeverShow: wherever they are, whatever they touch.
func TestGivenSecretsNeverShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secrets := rapid.SliceOfN(rapid.StringMatching(`[a-c"\\ %&<é0-9]{6,20}`), 1, 4).Draw(t, "secrets")
		text := rapid.Custom(func(t *rapid.T) string {
			parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(secrets), rapid.StringMatching(`[a-c"\\ %&<é0-9:=?]{0,8}`)), 0, 8).Draw(t, "parts")
			return strings.Join(parts, "")
		})
		f := report.Failure{
			Kind: text.Draw(t, "kind"), Title: text.Draw(t, "title"), Err: errors.New(text.Draw(t, "error")),
			Phases: []control.Phase{{Name: text.Draw(t, "phase")}},
			Lines:  rapid.SliceOf(text).Draw(t, "lines"),
		}
		for _, s := range secrets {
			f.Secrets = append(f.Secrets, secret.New(s))
		}
		all := everything(t, report.Build(f))
		for _, s := range secrets {
			// spaces at the ends may be those between two texts
			if strings.Contains(all, strings.TrimSpace(s)) && len(strings.TrimSpace(s)) >= 6 {
				t.Fatalf("%q shows in %q", s, all)
			}
		}
	})
}

func FuzzGivenSecretsNeverShow(f *testing.F) {
	f.Add("hunter2-and-more", "before ", " after")
	f.Add("{\"version\":1}", "x=", "&y")
	f.Add("line one\nline two", "https://a:", "@host")
	f.Fuzz(func(t *testing.T, s, before, after string) {
		if len(s) < 8 || strings.Contains("[redacted][redacted]", s) || strings.Contains(before+after, s) {
			t.Skip("not a secret of its own")
		}
		text := report.Redact(before+s+after, secret.New(s))
		if strings.Contains(text, s) && !strings.Contains(s, "redacted") {
			t.Errorf("%q shows in %q", s, text)
		}
	})
}
