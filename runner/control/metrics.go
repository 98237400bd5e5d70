package control

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// States lists the states in their order.
func States() []State {
	return []State{Identifying, Registering, Preparing, Launching, Working, Draining, Holding, Releasing}
}

// writeMetrics writes what a status says in the text form of Prometheus.
func writeMetrics(w io.Writer, s Status) {
	m := metrics{w}
	m.help("start_worker_info", "What runs here; always 1.")
	m.value("start_worker_info", 1, "version", s.Version, "provider", s.Provider, "worker_pool_id", s.WorkerPoolID)
	m.help("start_worker_state", "1 for the state that start-worker is in.")
	for _, state := range States() {
		on := 0.0
		if state == s.State {
			on = 1
		}
		m.value("start_worker_state", on, "state", string(state))
	}
	m.help("start_worker_state_since_seconds", "When the state began, in seconds since 1970.")
	m.value("start_worker_state_since_seconds", seconds(s.Since.UnixMilli()))
	if !s.CredentialsExpire.IsZero() {
		m.help("start_worker_credentials_expire_seconds", "When the worker's credentials expire, in seconds since 1970.")
		m.value("start_worker_credentials_expire_seconds", seconds(s.CredentialsExpire.UnixMilli()))
	}
	m.help("start_worker_restarts", "How often the worker was started again.")
	m.value("start_worker_restarts", float64(s.Restarts))
	m.help("start_worker_notices", "How many notices the place has given.")
	m.value("start_worker_notices", float64(len(s.Notices)))
	m.help("start_worker_phase_seconds", "How long each part of the start took.")
	for _, p := range s.Phases {
		m.value("start_worker_phase_seconds", p.Millis/1000, "phase", p.Name)
	}
}

func seconds(millis int64) float64 { return float64(millis) / 1000 }

type metrics struct{ w io.Writer }

func (m metrics) help(name, text string) {
	fmt.Fprintf(m.w, "# HELP %s %s\n# TYPE %s gauge\n", name, text, name)
}

// value writes a sample; labels are names and values in turn.
func (m metrics) value(name string, value float64, labels ...string) {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escape.Replace(labels[i+1])+`"`)
	}
	if len(pairs) > 0 {
		name += "{" + strings.Join(pairs, ",") + "}"
	}
	fmt.Fprintf(m.w, "%s %s\n", name, strconv.FormatFloat(value, 'g', -1, 64))
}
