package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/workerkit/workerkit/local/clouds"
)

// object is a JSON object of the API.
type object = map[string]any

// call is one request.
type call struct {
	*http.Request
	name string // "compute.disks.get"
	body object // of POST
	// exhausted makes an instance fail in its operation, which is where a zone without capacity
	// shows.
	exhausted bool
}

// project, zone and named are parts of the request's path.
func (c call) project() string { return c.PathValue("project") }
func (c call) zone() string    { return c.PathValue("zone") }
func (c call) named() string   { return c.PathValue("name") }

// place is the path of the zone that the call is about, or of what is in no zone.
func (c call) place() string {
	if zone := c.zone(); zone != "" {
		return "projects/" + c.project() + "/zones/" + zone
	}
	return "projects/" + c.project() + "/global"
}

// folder is the path of the collection that the call is about.
func (c call) folder(kind string) string { return c.place() + "/" + kind }

// handler answers a call.
type handler func(c call) (object, error)

// failure is an error in Google's form.
type failure struct {
	status          int
	reason, message string
}

// Error implements error.
func (f *failure) Error() string { return f.reason + ": " + f.message }

func problem(status int, reason, format string, args ...any) error {
	return &failure{status, reason, fmt.Sprintf(format, args...)}
}

func notFound(path string) error {
	return problem(http.StatusNotFound, "notFound", "The resource '%s' was not found", path)
}

func invalid(format string, args ...any) error {
	return problem(http.StatusBadRequest, "invalid", format, args...)
}

// inTrouble is what Google says of a trouble to the caller at once. NoCapacity shows only in
// the operation, except where there is none.
func inTrouble(t clouds.Trouble) error {
	switch t {
	case clouds.Throttled:
		return problem(http.StatusForbidden, "rateLimitExceeded", "Rate Limit Exceeded")
	case clouds.Forbidden:
		return problem(http.StatusForbidden, "forbidden", "Required permission is missing")
	default:
		return problem(http.StatusServiceUnavailable, "backendError", "The service is currently unavailable.")
	}
}

// handle makes a handler of net/http of one of ours.
func (a *API) handle(name string, do handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := call{Request: r, name: name, body: object{}}
		trouble := a.Troubles.Next(name)
		if trouble != "" && (trouble != clouds.NoCapacity || name != insertInstance) {
			a.fail(w, name, inTrouble(trouble))
			return
		}
		if r.Method == http.MethodPost {
			const limit = 4 << 20
			err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(&c.body)
			if err != nil && !errors.Is(err, io.EOF) {
				a.fail(w, name, problem(http.StatusBadRequest, "parseError", "Parse Error"))
				return
			}
		}
		c.exhausted = trouble == clouds.NoCapacity
		answer, err := do(c)
		if err != nil {
			a.fail(w, name, err)
			return
		}
		a.options.Log.Debug("gce", slog.String("call", name))
		send(w, http.StatusOK, answer)
	}
}

// send sends JSON; the client may be gone.
func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// fail sends an error.
func (a *API) fail(w http.ResponseWriter, name string, err error) {
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{http.StatusInternalServerError, "internalError", err.Error()}
	}
	a.options.Log.Info("gce", slog.String("call", name), slog.String("error", f.reason), slog.String("message", f.message))
	send(w, f.status, object{"error": object{
		"code": f.status, "message": f.message,
		"errors": []object{{"message": f.message, "domain": "global", "reason": f.reason}},
	}})
}

// unknown answers what is not emulated, and says what it was.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r.Method+" "+r.URL.Path, problem(http.StatusNotImplemented, "notImplemented", "%s %s is not emulated", r.Method, r.URL.Path))
}

// token gives a token to whoever asks.
func (a *API) token(w http.ResponseWriter, _ *http.Request) {
	const lifetime = 3600 // seconds
	a.options.Log.Debug("gce", slog.String("call", "token"))
	send(w, http.StatusOK, object{"access_token": "emulated", "token_type": "Bearer", "expires_in": lifetime})
}
