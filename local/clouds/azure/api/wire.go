package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// object is a JSON object of the API.
type object = map[string]any

// call is one request.
type call struct {
	method string
	where  where
	body   object
	filter string // $filter
}

// handler answers a call; nil without an error is 204.
type handler func(c call) (object, error)

// failure is an error in Azure's form.
type failure struct {
	status        int
	code, message string
}

// Error implements error.
func (f *failure) Error() string { return f.code + ": " + f.message }

func problem(status int, code, format string, args ...any) error {
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

func invalid(code, format string, args ...any) error {
	return problem(http.StatusBadRequest, code, format, args...)
}

// inTrouble is what Azure says of a trouble.
func inTrouble(t clouds.Trouble) error {
	switch t {
	case clouds.Throttled:
		return problem(http.StatusTooManyRequests, "TooManyRequests", "The request was throttled.")
	case clouds.NoCapacity:
		return problem(http.StatusConflict, "SkuNotAvailable",
			"The requested VM size is currently not available in the location. Please try another size or deploy to a different location.")
	case clouds.Forbidden:
		return problem(http.StatusForbidden, "AuthorizationFailed", "The client does not have authorization to perform the action.")
	default:
		return problem(http.StatusInternalServerError, "InternalServerError", "The server encountered an internal error.")
	}
}

// manage answers a call of Resource Manager.
func (a *API) manage(w http.ResponseWriter, r *http.Request) {
	p, err := parse(r.URL.Path)
	if err == nil && r.Method == http.MethodPost {
		p = p.asAction()
	}
	operation := p.operation(r.Method)
	switch {
	case err != nil:
	case r.Header.Get("Authorization") == "":
		// By this answer clients find the tenant of a subscription.
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="https://`+LoginHost+"/"+tenant+
			`", error="invalid_token", error_description="The authentication failed because of missing 'Authorization' header."`)
		err = problem(http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
	case r.URL.Query().Get("api-version") == "":
		err = invalid("MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	default:
		if trouble := a.Troubles.Next(operation); trouble != "" {
			err = inTrouble(trouble)
		}
	}
	var answer any
	if err == nil {
		answer, err = a.do(w, r, p)
	}
	a.answer(w, operation, r.Method, answer, err)
}

// do reads the body and finds who answers the call.
func (a *API) do(w http.ResponseWriter, r *http.Request, p where) (any, error) {
	c := call{method: r.Method, where: p, filter: r.URL.Query().Get("$filter")}
	const limit = 8 << 20
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(&c.body); err != nil && !errors.Is(err, io.EOF) {
		return nil, invalid("InvalidRequestContent", "The request content was invalid and could not be deserialized.")
	}
	if do, there := a.special[strings.ToLower(p.operation(r.Method))]; there && (p.name != "" || r.Method == http.MethodGet) && r.Method != http.MethodPatch {
		return given(do(c))
	}
	if strings.EqualFold(p.kind, marketKind) && r.Method == http.MethodGet {
		return a.market(p)
	}
	return given(a.generic(c))
}

// given is an answer that is nil when there is none.
func given(answer object, err error) (any, error) {
	if answer == nil {
		return nil, err
	}
	return answer, err
}

// generic does what can be done to resources of any type.
func (a *API) generic(c call) (object, error) {
	p := c.where
	switch {
	case p.kind == allKind && c.method == http.MethodGet:
		return a.listAll(c)
	case p.name == "" && c.method == http.MethodGet:
		return a.list(c)
	case p.name == "":
	case c.method == http.MethodGet, c.method == http.MethodHead:
		return a.read(c)
	case c.method == http.MethodPut, c.method == http.MethodPatch:
		return a.write(c)
	case c.method == http.MethodDelete:
		return a.remove(c)
	}
	return nil, problem(http.StatusNotImplemented, "NotImplemented", "%s %s is not emulated.", c.method, p.id)
}

// answer sends what a call returned.
func (a *API) answer(w http.ResponseWriter, operation, method string, answer any, err error) {
	var f *failure
	switch {
	case err == nil && (answer == nil || method == http.MethodHead):
		a.options.Log.Debug("azure", slog.String("call", operation))
		w.WriteHeader(http.StatusNoContent)
		return
	case err == nil:
		a.options.Log.Debug("azure", slog.String("call", operation))
		send(w, http.StatusOK, answer)
		return
	case !errors.As(err, &f):
		f = &failure{http.StatusInternalServerError, "InternalServerError", err.Error()}
	}
	a.options.Log.Info("azure", slog.String("call", operation), slog.String("error", f.code), slog.String("message", f.message))
	if f.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	send(w, f.status, object{"error": object{"code": f.code, "message": f.message}})
}

// send sends JSON; the client may be gone.
func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// tenant is the directory that all subscriptions are in.
const tenant = "00000000-0000-4000-8000-000000000002"

// login gives a token to whoever asks, and says where to ask.
func (a *API) login(w http.ResponseWriter, r *http.Request) {
	authority := "https://" + LoginHost + "/" + tenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		send(w, http.StatusOK, object{
			"token_endpoint": authority + "/oauth2/v2.0/token", "authorization_endpoint": authority + "/oauth2/v2.0/authorize",
			"issuer": authority + "/v2.0",
		})
	case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		send(w, http.StatusOK, object{
			"tenant_discovery_endpoint": authority + "/v2.0/.well-known/openid-configuration",
			"metadata":                  []object{{"preferred_network": LoginHost, "preferred_cache": LoginHost, "aliases": []string{LoginHost}}},
		})
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/token"):
		a.options.Log.Debug("azure", slog.String("call", "token"))
		const lifetime = time.Hour
		now := a.options.Clock()
		seconds := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
		send(w, http.StatusOK, object{
			"token_type": "Bearer", "access_token": token(), "resource": "https://" + Host + "/",
			"expires_in": int(lifetime.Seconds()), "expires_on": seconds(now.Add(lifetime)), "not_before": seconds(now),
		})
	default:
		send(w, http.StatusNotImplemented, object{
			"error": "not_implemented", "error_description": r.Method + " " + r.URL.Path + " is not emulated.",
		})
	}
}

// token has the form of a JWT, because clients look into it for who they are.
func token() string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none","typ":"JWT"}`)) + "." +
		part([]byte(`{"oid":"00000000-0000-4000-8000-000000000004","tid":"`+tenant+`"}`)) + "." + part([]byte("emulated"))
}
