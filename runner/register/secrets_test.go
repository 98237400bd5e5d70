package register_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/tc"
	"github.com/workerkit/workerkit/runner/register"
)

func TestSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		status map[string]int // by secret
		want   string
		err    int
	}{
		"both":             {nil, "worker-type:proj/linux worker-pool:proj/linux", 0},
		"the pool's":       {map[string]int{"worker-type": 404}, "worker-pool:proj/linux", 0},
		"not allowed":      {map[string]int{"worker-type": 403}, "worker-pool:proj/linux", 0},
		"the older":        {map[string]int{"worker-pool": 404}, "worker-type:proj/linux", 0},
		"none":             {map[string]int{"worker-type": 404, "worker-pool": 404}, "", 0},
		"pool not allowed": {map[string]int{"worker-pool": 403}, "", 403},
		"unauthorised":     {map[string]int{"worker-type": 401}, "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{fail: func(call string, _ int) int {
				kind, _, _ := strings.Cut(strings.TrimPrefix(call, "secret/"), ":")
				return c.status[kind]
			}}
			session := register.Resume(s.options(true, io.Discard), prover{}, registration(time.Now().Add(time.Hour)))
			found, err := session.Secrets(t.Context())
			var names []string
			for _, f := range found {
				names = append(names, f.Name)
				if string(f.Value) != `{"from":"`+f.Name+`"}` {
					t.Errorf("%s is %s", f.Name, f.Value)
				}
			}
			if got := strings.Join(names, " "); got != c.want || tc.Status(err) != c.err || (err != nil) != (c.err != 0) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestNothingSecretShows: neither in errors nor in the log.
func TestNothingSecretShows(t *testing.T) {
	for name, says := range map[string]string{"refused": "InputError: bad staticSecret in workerIdentityProof", "not Taskcluster's": ""} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := &service{says: says, fail: func(string, int) int { return http.StatusBadRequest }}
			_, _, err := register.New(t.Context(), s.options(true, &log), prover{})
			session := register.Resume(s.options(true, &log), prover{}, registration(time.Now().Add(-time.Hour)))
			_, secretsErr := session.Secrets(t.Context())
			renewErr := session.Renew(t.Context())
			for _, e := range []error{err, secretsErr, renewErr} {
				if e == nil {
					t.Fatal("no error")
				}
				log.WriteString(e.Error())
			}
			for _, secret := range []string{"hunter2", "token-0", "once-0"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("%s shows:\n%s", secret, log.String())
				}
			}
		})
	}
}
