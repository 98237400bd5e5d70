package clouds

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// BuildOptions are what the emulated API of any cloud needs: the API that a program which makes
// images calls, as opposed to the metadata service of a machine. The zero value is usable.
type BuildOptions struct {
	Clock func() time.Time // time.Now when nil
	// Host is handed out as the address of each instance; PublicAddress when empty. No API has a
	// member for the port of SSH: whoever makes images knows it.
	Host string
	// Boot is called when an instance starts, with the keys ("ssh-rsa AAAA…") that may log in;
	// Halt when it stops. Both are called without a lock held, and may be nil.
	Boot func(instance string, authorized []string) error
	Halt func(instance string)
	// Base tells whether there is such an image to build upon: the name filter of an AMI,
	// "project/family" or "project/image" of GCE, "publisher:offer:sku:version" or the id of an
	// image of Azure. Each base exists when nil, so that a build needs no catalogue.
	Base func(name string) bool
	// Project is that of GCE in which builds run: there is no base in it. When it is empty, bases are
	// only in projects whose name ends with "-cloud", as Google's own do.
	Project string
	Log     *slog.Logger // each call, without its parameters; discards when nil
}

// WithDefaults fills what is missing.
func (o BuildOptions) WithDefaults() BuildOptions {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Host == "" {
		o.Host = PublicAddress
	}
	if o.Boot == nil {
		o.Boot = func(string, []string) error { return nil }
	}
	if o.Halt == nil {
		o.Halt = func(string) {}
	}
	if o.Base == nil {
		o.Base = func(string) bool { return true }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Resource is something that a build makes in a cloud.
type Resource struct {
	Kind string            `json:"kind"` // the cloud's word: "instance", "security-group", "disk"
	ID   string            `json:"id"`
	Tags map[string]string `json:"tags,omitempty"` // GCE calls them labels
}

// String is kind and id.
func (r Resource) String() string { return r.Kind + " " + r.ID }

// Trouble is what a cloud's API may answer instead of doing as it is told.
type Trouble string

// The troubles. Each API says them in its cloud's own words.
const (
	Throttled  Trouble = "throttled"   // too many calls: try again
	NoCapacity Trouble = "no-capacity" // no machine of that kind now
	Broken     Trouble = "broken"      // the cloud's own error
	Forbidden  Trouble = "forbidden"   // the caller may not
)

// Troubles are those to come. The zero value has none. It is safe for concurrent use.
type Troubles struct {
	mu   sync.Mutex
	list []trouble
}

type trouble struct {
	call  string
	kind  Trouble
	times int
}

// Add makes the next calls of that name fail, so many times, and for ever when times is 0. A
// call is named as the API's log names it; "" is any call.
func (t *Troubles) Add(call string, kind Trouble, times int) error {
	if !slices.Contains([]Trouble{Throttled, NoCapacity, Broken, Forbidden}, kind) {
		return fmt.Errorf("there is no trouble %q; known are throttled, no-capacity, broken and forbidden", kind)
	}
	if times < 0 {
		return fmt.Errorf("a call cannot fail %d times", times)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, trouble{call, kind, times})
	return nil
}

// Next is the trouble that a call is in, which uses it up; "" is none.
func (t *Troubles) Next(call string) Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, next := range t.list {
		if next.call != "" && !strings.EqualFold(next.call, call) {
			continue
		}
		switch next.times {
		case 0:
		case 1:
			t.list = slices.Delete(t.list, i, i+1)
		default:
			t.list[i].times--
		}
		return next.kind
	}
	return ""
}
