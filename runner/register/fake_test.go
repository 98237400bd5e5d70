package register_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/providers"
	"github.com/workerkit/workerkit/runner/register"
)

// service is a worker-manager behind an http.RoundTripper, so that it lives in a bubble of
// testing/synctest. It gives out credentials token-1, token-2, … that live for life.
type service struct {
	life time.Duration
	fail func(call string, n int) int // the status of the n-th call, 0 for a good reply, negative for none
	says string                       // the code and the message of a failure; "" for some
	skew time.Duration                // how far the service's clock is behind

	mu     sync.Mutex
	issued int
	calls  []string // "register", "reregister once-1", "get NAME"
	times  []time.Time
	bodies []string
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		data, _ := io.ReadAll(r.Body)
		body = string(data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	call := r.URL.Path[strings.LastIndex(r.URL.Path, "/v1/")+len("/v1/"):]
	if call == "worker/reregister" {
		var sent struct{ Secret string }
		_ = json.Unmarshal([]byte(body), &sent)
		call += " " + sent.Secret
	}
	s.calls, s.times, s.bodies = append(s.calls, call), append(s.times, time.Now()), append(s.bodies, body)
	status, reply := http.StatusOK, `{}`
	if s.fail != nil {
		if f := s.fail(call, len(s.calls)); f != 0 {
			status, reply = f, s.failure()
		}
	}
	switch status {
	case -1:
		return nil, errors.New("connection reset by peer")
	case -2:
		return nil, &net.OpError{Op: "dial", Err: errors.New("no such host")}
	case -3:
		return nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	case -4:
		return nil, &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}
	}
	switch {
	case status != http.StatusOK:
	case strings.HasPrefix(call, "worker/"):
		s.issued++
		reply = fmt.Sprintf(`{"expires":%q,"credentials":{"clientId":"w","accessToken":"token-%d","certificate":"{\"version\":1,\"scopes\":[],\"start\":1,\"expiry\":2,\"seed\":\"\",\"signature\":\"\"}"},"secret":"once-%d","workerConfig":{"a":1}}`,
			time.Now().Add(s.life).UTC().Format(time.RFC3339Nano), s.issued, s.issued)
	case strings.HasPrefix(call, "secret/"):
		reply = `{"expires":"2030-01-01T00:00:00Z","secret":{"from":"` + strings.TrimPrefix(call, "secret/") + `"}}`
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Request: r,
		Header: http.Header{"Date": {time.Now().Add(-s.skew).UTC().Format(http.TimeFormat)}},
		Body:   io.NopCloser(strings.NewReader(reply)), ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func (s *service) failure() string {
	code, message, ok := strings.Cut(s.says, ": ")
	if !ok {
		return `{"code":"Failed","message":"as the test wants"}`
	}
	return fmt.Sprintf(`{"code":%q,"message":%q}`, code, message+"\n\n---\n\n* payload: hunter2")
}

func (s *service) options(repeatable bool, log io.Writer) register.Options {
	return register.Options{
		Client:     tc.New("https://tc.example.com", &http.Client{Transport: s}, retry.API()),
		Identity:   providers.Identity{RootURL: "https://tc.example.com", ProviderID: "lab", WorkerPoolID: "proj/linux", WorkerGroup: "g", WorkerID: "w"},
		Log:        slog.New(slog.NewTextHandler(log, nil)),
		Repeatable: repeatable,
	}
}

// prover is a provider with a proof, a new one each time.
type prover struct {
	err    error
	proofs *int
}

func (p prover) Identify(context.Context) (providers.Identity, error) {
	return providers.Identity{}, nil
}

func (p prover) Proof(context.Context) (json.RawMessage, error) {
	if p.proofs != nil {
		*p.proofs++
		return json.RawMessage(fmt.Sprintf(`{"token":"hunter2-%d"}`, *p.proofs)), p.err
	}
	return json.RawMessage(`{"staticSecret":"hunter2"}`), p.err
}

// owner is a provider with credentials of its own.
type owner struct{ prover }

func (owner) Credentials() (clientID, accessToken string) { return "me", "mine" }

func registration(expires time.Time) tc.Registration {
	return tc.Registration{
		Credentials: tc.Credentials{ClientID: "w", AccessToken: secret.New("token-0")},
		Expires:     expires, Secret: secret.New("once-0"),
	}
}
