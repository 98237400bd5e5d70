package aws_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/workerkit/workerkit/internal/imds"
	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/ec2"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/providers/aws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// poolConfig launches instances with a public address.
const poolConfig = `{"minCapacity":0,"maxCapacity":1,"launchConfigs":[{"region":"eu-west-2",
	"launchConfig":{"ImageId":"ami-0abc","InstanceType":"c6i.large"},"additionalUserData":{"password":"hunter2"}}]}`

// privateConfig launches instances with two network interfaces and no public address.
const privateConfig = `{"minCapacity":0,"maxCapacity":1,"launchConfigs":[{"region":"eu-west-2",
	"launchConfig":{"ImageId":"ami-0abc","NetworkInterfaces":[{"DeviceIndex":0,"AssociatePublicIpAddress":false},{"DeviceIndex":1}]}}]}`

// instance is an emulated instance with its metadata service.
type instance struct {
	clouds.Service

	cloud    *ec2.Cloud
	machine  clouds.Machine
	faults   clouds.Faults
	mu       sync.Mutex
	requests []string // method and path of each
	now      int      // requests that are being answered
	most     int      // of them at the same time
}

func launch(t *testing.T, config string) *instance {
	t.Helper()
	i := &instance{cloud: ec2.New(rand.Reader)}
	var err error
	i.machine, err = i.cloud.Launch(clouds.Order{
		RootURL: "https://tc.example.com", ProviderID: "aws-provider", WorkerPoolID: "proj/linux",
		Config: json.RawMessage(config), Now: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if i.Service, err = i.cloud.Serve(i.machine.Record, clouds.Settings{Clock: i.faults.Clock(time.Now)}); err != nil {
		t.Fatal(err)
	}
	return i
}

// ServeHTTP counts the requests and puts the faults before the service.
func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests = append(i.requests, r.Method+" "+r.URL.Path)
	i.now++
	i.most = max(i.most, i.now)
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.now--
		i.mu.Unlock()
	}()
	i.faults.Wrap(i.Service).ServeHTTP(w, r)
}

// count is how many requests there were.
func (i *instance) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.requests)
}

// spoil adds faults.
func (i *instance) spoil(t *testing.T, faults ...clouds.Fault) {
	t.Helper()
	for _, f := range faults {
		if err := i.faults.Add(f); err != nil {
			t.Fatal(err)
		}
	}
}

// notify announces something.
func (i *instance) notify(t *testing.T, n clouds.Notice) {
	t.Helper()
	if err := i.Notify(n); err != nil {
		t.Fatal(err)
	}
}

// record is a member of the machine's record.
func (i *instance) record(t *testing.T, name string) string {
	t.Helper()
	var r map[string]any
	if err := json.Unmarshal(i.machine.Record, &r); err != nil {
		t.Fatal(err)
	}
	text, _ := r[name].(string)
	return text
}

// quick repeats at once, and gives up soon: not by the time, of which a busy machine needs more.
func quick() retry.Policy {
	return retry.Policy{Initial: time.Millisecond, Cap: 5 * time.Millisecond, Attempts: 5}
}

// transport is the one that the programs use, with a quick policy.
func transport(t *testing.T) *imds.Transport {
	t.Helper()
	tr := imds.New(quick())
	t.Cleanup(tr.Close)
	return tr
}

// serve puts a service on loopback.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// journal is a log that a test can read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// provider makes the provider for a service at the endpoint.
func provider(endpoint string, rt http.RoundTripper, j *journal) providers.Provider {
	return aws.Kind().New(providers.NewValues(map[string]any{"metadataEndpoint": endpoint}),
		providers.Deps{Log: slog.New(slog.NewTextHandler(j, nil)), Metadata: rt})
}
