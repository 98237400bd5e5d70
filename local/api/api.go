// Package api serves Taskcluster services from the public reference: routes, scope
// expressions and JSON schemas are the reference's data, a service adds one handler a method.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Service is one Taskcluster service: its name in the reference ("queue", "worker-manager")
// and a handler for each method that it offers, by the reference's method name ("claimWork").
// A method of the reference without a handler answers 404 and says that it is not emulated.
type Service struct {
	Name     string
	Handlers map[string]Handler
}

// Handler answers one call whose route, body and scopes have been checked. It returns the
// value to send as JSON (nil sends 204 or an empty object, as the reference's output says), a *Redirect, a *Reply,
// or an error; errors that are not *Error become a 500 whose cause is logged, not sent.
// Handlers run concurrently; ctx ends when the client goes away or the server stops.
type Handler func(ctx context.Context, r *Request) (any, error)

// Caller is who makes a call: ClientID "" is anonymous. Scopes are expanded and already
// narrowed by certificate and authorizedScopes.
type Caller struct {
	ClientID string
	Scopes   []string
	Expires  time.Time
}

// Request is one call.
type Request struct {
	Method string            // the reference's method name
	Params map[string]string // of the route, unescaped
	Query  url.Values
	Body   json.RawMessage // valid by the input schema; nil where there is none
	Caller Caller
	HTTP   *http.Request // for the rare handler that needs a header or the root URL

	// Authorize checks the method's scope expression with params added to the route's; it
	// returns an InsufficientScopes error. The framework itself calls it first when the
	// expression needs nothing but route parameters; a handler must call it otherwise.
	// A param is a string, a bool (for if/then) or a []string (for "for … in").
	Authorize func(params map[string]any) error
}

// Decode decodes the body into v.
func (r *Request) Decode(v any) error {
	if err := json.Unmarshal(r.Body, v); err != nil {
		return fmt.Errorf("%s: decode the request: %w", r.Method, err)
	}
	return nil
}

// Redirect is a reply with status 303 and a Location; Body, when not nil, is sent as JSON.
type Redirect struct {
	Location string
	Body     any
	Header   http.Header // sent beside Location; may be nil
}

// Reply is a reply with a status other than 200, such as the 424 of error artifacts.
type Reply struct {
	Status int
	Body   any
}

// Error is an error of the API with the real shape: {code, message, requestInfo}.
type Error struct {
	Status  int
	Code    string
	Message string
	Omit    bool // leave the request's payload out of requestInfo
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// InputError is a 400.
func InputError(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "InputError", Message: fmt.Sprintf(format, args...)}
}

// NotFound is a 404 ResourceNotFound.
func NotFound(format string, args ...any) *Error {
	return &Error{Status: http.StatusNotFound, Code: "ResourceNotFound", Message: fmt.Sprintf(format, args...)}
}

// Conflict is a 409 RequestConflict.
func Conflict(format string, args ...any) *Error {
	return &Error{Status: http.StatusConflict, Code: "RequestConflict", Message: fmt.Sprintf(format, args...)}
}

// Forbidden is a 403 InsufficientScopes for checks that the reference's expression cannot say.
func Forbidden(format string, args ...any) *Error {
	return &Error{Status: http.StatusForbidden, Code: "InsufficientScopes", Message: fmt.Sprintf(format, args...)}
}

// Credentials are temporary credentials as services hand them out.
type Credentials struct {
	ClientID    string `json:"clientId"`
	AccessToken string `json:"accessToken"`
	Certificate string `json:"certificate"` // a JSON string
}

// Issuer makes temporary credentials signed by a service's own client ("static/taskcluster/queue").
type Issuer interface {
	Issue(service, clientID string, scopes []string, start, expiry time.Time) (Credentials, error)
}
