// Package providers is the contract of the places where a machine can boot: EC2, GCE, Azure,
// static hardware, by hand. A provider finds out who the machine is and proves it; what
// happens then is the runner's business.
//
// One place is one folder with one short file. Its Kind is a value in the list of
// cmd/start-worker; nothing registers itself.
package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Kind is one sort of place. It is data: making a Kind has no effect.
type Kind struct {
	Name    string   // as in provider.providerType and in provider "name" {}
	Aliases []string // other names for the same
	Fields  []Field  // the keys of its block in the configuration

	// Ephemeral says that worker-manager made the machine for this worker: it registers once
	// in its life, and is removed when its worker has ended. Other machines are somebody's,
	// register at every start, and stay.
	Ephemeral bool

	// Matches tells, from facts alone, whether the machine is such a place; nil means that
	// somebody must name it. At most one Kind may match any Facts.
	Matches func(Facts) bool

	// Probe asks the place's metadata service whether it is there, once; nil when there is
	// none to ask. It is for machines whose firmware says nothing, and its ctx ends soon.
	Probe func(context.Context, Values, Deps) error

	// Advice are the reasons of the notices of the kind Advice that the place gives.
	Advice []string

	// New makes the provider from the values of its Fields, which have been checked.
	New func(Values, Deps) Provider
}

// Deps are what every provider may use.
type Deps struct {
	Log *slog.Logger
	// Metadata carries the calls of metadata services: to no proxy, bounded, and repeated
	// while they fail for a reason that passes. It is internal/imds.
	Metadata http.RoundTripper
}

// ErrLeaving is in the error of Identify when the place has already said that it takes the
// machine away: there is no use in registering.
var ErrLeaving = errors.New("the machine is about to be taken away")

// Provider answers for one machine. Its methods are called from one goroutine at a time,
// except that Watch may run while Proof does.
type Provider interface {
	// Identify says who the machine is. It is called once, first.
	Identify(ctx context.Context) (Identity, error)
	// Proof is the workerIdentityProof of registerWorker: fresh at every call, and secret.
	// It returns nil when the place has none; the worker is then not registered, and the
	// provider must be Credentialed.
	Proof(ctx context.Context) (json.RawMessage, error)
}

// Credentialed is a provider that brings credentials along instead of registering.
type Credentialed interface {
	// Credentials returns permanent Taskcluster credentials. The access token is secret.
	Credentials() (clientID, accessToken string)
}

// Watcher is a provider that hears when the machine is about to change or go away.
type Watcher interface {
	// Watch returns the next notice, or an error when it cannot watch any longer or ctx ends.
	// It is called after registration, and again after each notice.
	Watch(ctx context.Context) (Notice, error)
}

// Acknowledger is a Watcher whose place waits for a word that the machine may go.
type Acknowledger interface {
	Watcher
	// Acknowledge says that nothing runs on the machine any longer. It does nothing where the
	// notice needs no such word, or the configuration does not want it said.
	Acknowledge(ctx context.Context, n Notice) error
}

// Identity is who a machine is. Every text is checked against the API's patterns.
type Identity struct {
	RootURL      string // without a slash at the end
	ProviderID   string // worker-manager's name of the provider, not that of the Kind
	WorkerPoolID string
	WorkerGroup  string
	WorkerID     string
	InstanceID   string            // the place's own name of the machine; "" where there is none
	Location     map[string]string // has "cloud"
	Metadata     map[string]any    // JSON values
}

// Notice is a fact about the machine's future. What follows from it is the runner's to decide.
type Notice struct {
	Kind     NoticeKind
	ID       string    // the place's own name of the event; "" where there is none
	Reason   string    // the place's own word: "spot-termination", "Preempt"
	Deadline time.Time // when it happens; zero when that is not known
	Resource string    // what it concerns, where the place says so
}

// NoticeKind is how bad a notice is.
type NoticeKind int

// The kinds of notices.
const (
	Remark      NoticeKind = iota // nothing follows: it pauses for a moment, an event is cancelled
	Advice                        // it may go away, or does so much later: work goes on unless the configuration says otherwise
	Termination                   // it goes away
)

// Facts are what can be known of a machine without asking the network.
type Facts struct {
	BIOSVendor  string
	BIOSVersion string
	Vendor      string
	Product     string
	AssetTag    string // of the chassis
}

// FieldType is what a key of a provider's block may hold.
type FieldType int

// The types of fields.
const (
	Text    FieldType = iota // string, not empty
	TextMap                  // map[string]string
	AnyMap                   // map[string]any of JSON values
	Flag                     // bool
)

// Field is one key of a provider's block, in the runner's YAML and in a provider file.
type Field struct {
	Name     string // in YAML: rootURL
	HCL      string // in a provider file: root_url
	Type     FieldType
	Optional bool
	Default  string // of a Text that is missing; the field is then Optional
	Secret   bool   // never shown
	// Env, when not "", is an environment variable that gives a Text that is missing; the field
	// is then Optional.
	Env string
	// FileFor, when not "", makes the field another way to give the secret Text field of that
	// name: the field holds the path of an owner-only file with the text. Exactly one of the
	// two must be given, and New sees only the other one.
	FileFor string
	// Check, when not nil, refuses a Text with an error that says what would be right. The
	// error must not repeat the text when Secret.
	Check func(text string) error
}

// Values are the values of a Kind's Fields. They do not print.
type Values struct{ m map[string]any }

// NewValues wraps values of the Fields' types, by Field.Name.
func NewValues(m map[string]any) Values { return Values{m} }

// Text returns the string called name, "" when there is none.
func (v Values) Text(name string) string {
	s, _ := v.m[name].(string)
	return s
}

// TextMap returns the map of strings called name, nil when there is none.
func (v Values) TextMap(name string) map[string]string {
	m, _ := v.m[name].(map[string]string)
	return m
}

// Flag tells whether the flag called name is set.
func (v Values) Flag(name string) bool {
	on, _ := v.m[name].(bool)
	return on
}

// AnyMap returns the map called name, nil when there is none.
func (v Values) AnyMap(name string) map[string]any {
	m, _ := v.m[name].(map[string]any)
	return m
}

// String implements fmt.Stringer without the values, some of which are secret.
func (v Values) String() string { return fmt.Sprintf("%d values", len(v.m)) }

// GoString implements fmt.GoStringer without the values.
func (v Values) GoString() string { return "providers.Values(" + v.String() + ")" }
