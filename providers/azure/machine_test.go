package azure_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/local/clouds"
	emulated "github.com/workerkit/workerkit/local/clouds/azure"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/azure"
	"github.com/workerkit/workerkit/providers/providertest"
)

const poolConfig = `{"minCapacity": 0, "maxCapacity": 1, "launchConfigs": [{
	"location": "westeurope", "subnetId": "s", "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
	"storageProfile": {"osDisk": {}}, "workerConfig": {}, "workerManager": {"publicIp": true}
}]}`

// cloud is shared: its keys take a while to make.
var cloud = sync.OnceValue(func() *emulated.Cloud { return emulated.New(rand.NewChaCha8([32]byte{})) })

// machine is an emulated machine, and what its programs use to reach its metadata service.
type machine struct {
	record  emulated.Record
	service *emulated.Service
	handler http.Handler // of the service, with faults, counted
	faults  *clouds.Faults
	calls   *counter
	log     *records
	values  map[string]any
	deps    providers.Deps
}

// boot boots a machine with its metadata service on loopback. Each of the functions changes the
// machine first.
func boot(t *testing.T, change ...func(*emulated.Record)) *machine {
	t.Helper()
	m := launch(t, change...)
	server := httptest.NewServer(m.handler)
	t.Cleanup(server.Close)
	transport := imds.New(retry.Policy{Initial: time.Millisecond, Cap: 10 * time.Millisecond, Total: 2 * time.Second})
	t.Cleanup(transport.Close)
	m.deps.Metadata = transport
	m.values["metadataEndpoint"] = server.URL
	return m
}

// bubble runs a test with a machine whose metadata service is called without a network, on a
// clock that does not wait.
func bubble(t *testing.T, test func(*testing.T, *machine)) {
	t.Helper()
	cloud() // keys are made on the real clock
	synctest.Test(t, func(t *testing.T) {
		m := launch(t)
		m.deps.Metadata = direct{m.handler}
		test(t, m)
	})
}

func launch(t *testing.T, change ...func(*emulated.Record)) *machine {
	t.Helper()
	launched, err := cloud().Launch(clouds.Order{
		RootURL: "https://tc.example.com", ProviderID: "azure-1", WorkerPoolID: "proj/linux",
		Config: json.RawMessage(poolConfig), Now: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{faults: &clouds.Faults{}, calls: &counter{}, log: &records{}, values: map[string]any{}}
	if err := json.Unmarshal(launched.Record, &m.record); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(&m.record)
	}
	raw, err := json.Marshal(m.record)
	if err != nil {
		t.Fatal(err)
	}
	service, err := cloud().Serve(raw, clouds.Settings{Clock: m.faults.Clock(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	m.service = service.(*emulated.Service)
	m.handler = m.calls.wrap(m.faults.Wrap(service))
	m.deps.Log = slog.New(m.log)
	return m
}

// direct is a transport that calls a handler.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	return providertest.Call(d.handler, r)
}

// provider makes the machine's provider, which knows who it is.
func (m *machine) provider(t *testing.T) *azure.Provider {
	t.Helper()
	p := azure.Kind().New(providers.NewValues(m.values), m.deps)
	if _, err := p.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p.(*azure.Provider)
}

func (m *machine) notify(t *testing.T, n clouds.Notice) {
	t.Helper()
	if err := m.service.Notify(n); err != nil {
		t.Fatal(err)
	}
}

// next waits for a notice.
func next(t *testing.T, p providers.Watcher) providers.Notice {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	n, err := p.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// quiet checks that there is no notice for 20 s.
func quiet(t *testing.T, p providers.Watcher) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	if n, err := p.Watch(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("notice %+v, error %v; nothing should have been told", n, err)
	}
}

// counter counts the requests for scheduled events.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if r.URL.Path == "/metadata/scheduledevents" && r.Method == http.MethodGet {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.n++
			}
		}()
		h.ServeHTTP(w, r)
	})
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// records is a log handler that keeps messages.
type records struct {
	mu   sync.Mutex
	list []string
}

func (*records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler     { return r }
func (r *records) WithGroup(string) slog.Handler          { return r }
func (r *records) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, rec.Message)
	return nil
}

func (r *records) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.list...)
}
