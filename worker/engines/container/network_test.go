package container

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/workerkit/workerkit/internal/docker"
)

// TestIPv6: runs have it where the usual network has it, the engine keeps networks apart, and there are addresses.
func TestIPv6(t *testing.T) {
	for name, test := range map[string]struct {
		version       string
		usual, refuse bool
		want          string // what is asked for, a letter each time
	}{
		"as usual":     {"28.5.2", true, false, "66"},
		"without":      {"28.5.2", false, false, "44"},
		"not apart":    {"26.1.5", true, false, "44"},
		"no addresses": {"27.0.1", true, true, "644"},
	} {
		t.Run(name, func(t *testing.T) {
			made := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Api-Version", "1.47")
				w.Header().Set("Content-Type", "application/json")
				switch {
				case strings.HasSuffix(r.URL.Path, "/_ping"):
				case strings.HasSuffix(r.URL.Path, "/networks/bridge"):
					_ = json.NewEncoder(w).Encode(map[string]any{"EnableIPv6": test.usual, "Options": map[string]string{bridgeMTU: "1400"}}) // the test would fail
				case strings.HasSuffix(r.URL.Path, "/networks/create"):
					var asked struct {
						EnableIPv6 bool
						Options    map[string]string
					}
					if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Options[bridgeMTU] != "1400" {
						t.Errorf("%+v, %v", asked, err)
					}
					if !asked.EnableIPv6 {
						made += "4"
					} else if made += "6"; test.refuse {
						w.WriteHeader(http.StatusNotFound)
						return
					}
					_, _ = w.Write([]byte(`{"Id":"x"}`)) // see above
				default:
					_, _ = w.Write([]byte(`{"IPAM":{"Config":[{"Subnet":"172.30.0.0/16","Gateway":"172.30.0.1"},{"Subnet":"fd00:1::/64","Gateway":"fd00:1::1"}]}}`)) // see above
				}
			}))
			defer server.Close()
			api, err := client.New(client.WithHost("tcp://" + strings.TrimPrefix(server.URL, "http://")))
			if err != nil {
				t.Fatal(err)
			}
			defer api.Close()
			e := New(Config{Docker: &docker.Engine{API: api, Version: test.version}, Logger: slog.New(slog.DiscardHandler)})
			e.usual(t.Context())
			for range 2 {
				n, err := e.newNetwork(t.Context())
				if err != nil || n.gateway.String() != "172.30.0.1" {
					t.Fatalf("%+v, %v", n, err)
				}
			}
			if made != test.want {
				t.Errorf("asked for %s, want %s", made, test.want)
			}
		})
	}
}
