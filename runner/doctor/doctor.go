// Package doctor looks at a machine that should become a worker and says what is in the way,
// and what to do about it. It registers nothing, and changes
// nothing but the mode of a config that others could read.
package doctor

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/config"
)

// Result is how bad a finding is.
type Result string

// The results.
const (
	OK   Result = "ok"
	Warn Result = "warn" // work is possible
	Fail Result = "fail" // this machine does no work
	Skip Result = "skip" // not looked at, as what it needs has failed
)

// Finding is what one check has found. Nothing in it is secret.
type Finding struct {
	Check  string `json:"check"`
	Result Result `json:"result"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"` // what to do about it
}

// Patient is the machine that is looked at.
type Patient struct {
	ConfigPath string // of the runner config; "" when none is given
	Config     config.Config
	Warnings   []string
	Problems   []error // of the config or, without one, of the place
	Trust      error   // why the certificates of caFile are not trusted; nil when they are
}

// Deps are what the checks use.
type Deps struct {
	Log      *slog.Logger
	HTTP     *http.Client
	Metadata http.RoundTripper
	// Proxy says through which proxy a request would go.
	Proxy func(*http.Request) (*url.URL, error)
	// Lookup finds the addresses of a host.
	Lookup func(ctx context.Context, host string) ([]string, error)
	Getenv func(string) string
	Now    func() time.Time
	// Free is how many bytes are free for us where path is: disk.Free, but in tests.
	Free func(path string) (uint64, error)
	// Ask has the worker check the config that it would get; asked is false when it is one that
	// would not tell.
	Ask func(ctx context.Context) (asked bool, err error)
	// Containers finds the engine of containers that the worker would use, and names it.
	Containers func(ctx context.Context) (name string, err error)
}

// within is how long one check may take.
const within = 15 * time.Second

// Run makes all checks and returns what they have found, in a fixed order. A check that another
// one's failure makes impossible is a finding, too.
func Run(ctx context.Context, p Patient, d Deps) []Finding {
	e := &examination{patient: p, deps: d}
	findings := append(e.config(), e.place()...)
	id, found := e.identity(ctx)
	findings = append(findings, found...)
	checks := []func(context.Context) []Finding{
		func(ctx context.Context) []Finding { return e.deployment(ctx, id) },
		e.proxies,
		e.files,
		e.disk,
		e.worker,
		e.key,
		e.containers,
		e.socket,
	}
	results := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() {
			ctx, done := context.WithTimeout(ctx, within)
			defer done()
			results[i] = check(ctx)
		})
	}
	all.Wait()
	for _, r := range results {
		findings = append(findings, r...)
	}
	return findings
}

// Healthy tells whether nothing fails.
func Healthy(findings []Finding) bool {
	for _, f := range findings {
		if f.Result == Fail {
			return false
		}
	}
	return true
}

// examination is one run of all checks. Its checks may run concurrently.
type examination struct {
	patient Patient
	deps    Deps
}

// skipped are the findings of checks that cannot be made.
func skipped(why string, checks ...string) (all []Finding) {
	for _, check := range checks {
		all = append(all, Finding{Check: check, Result: Skip, Detail: why})
	}
	return all
}

func (e *examination) kind() providers.Kind { return e.patient.Config.Place.Kind }
