package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/scopes"
)

// maxBody bounds a call's body; the largest real one is an object sent inline.
const maxBody = 10 << 20

// call is one call on its way through the checks.
type call struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	time   time.Time
	method *method // nil when there is none
	params map[string]string

	body       []byte
	caller     Caller
	authorized bool
}

// serve runs the checks in the order of the real services, then the handler, then checks the reply.
func (c *call) serve(ctx context.Context) {
	for _, step := range []func() error{
		c.readBody, c.authenticate, c.authorizeByRoute, c.checkParams, c.checkQuery, c.checkBody,
	} {
		if err := step(); err != nil {
			c.fail(err)
			return
		}
	}
	result, err := c.method.handler(ctx, c.request())
	if err != nil {
		c.fail(err)
		return
	}
	if !c.authorized {
		c.fail(errors.New("the handler did not check the caller's scopes"))
		return
	}
	if err := c.reply(result); err != nil {
		c.fail(err)
	}
}

func (c *call) readBody() error {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &Error{
			Status: http.StatusRequestEntityTooLarge, Code: "InputTooLarge",
			Message: fmt.Sprintf("The payload is larger than %d bytes", maxBody), Omit: true,
		}
	}
	if err != nil {
		return InputError("The payload could not be read: %v", err)
	}
	c.body = body
	return nil
}

func (c *call) authenticate() error {
	if c.method.scopes == nil {
		return nil
	}
	caller, err := c.server.options.Authenticator.Authenticate(c.r, c.body)
	c.caller = caller
	return err
}

// authorizeByRoute checks the scopes where the expression needs no more than the route's
// parameters; elsewhere the handler does it.
func (c *call) authorizeByRoute() error {
	if c.method.scopes == nil {
		c.authorized = true
		return nil
	}
	for _, name := range c.method.names {
		if _, ok := c.params[name]; !ok {
			return nil
		}
	}
	return c.authorize(nil)
}

// authorize checks the method's scope expression; see Request.Authorize.
func (c *call) authorize(more map[string]any) error {
	c.authorized = true
	if c.method.scopes == nil {
		return nil
	}
	params := scopes.Params{}
	for name, value := range c.params {
		params[name] = value
	}
	maps.Copy(params, more)
	expression, err := c.method.scopes.Render(params)
	if err != nil {
		return err
	}
	missing := expression.Missing(c.caller.Scopes)
	if missing.Empty() {
		return nil
	}
	return insufficient(c.caller, missing, expression)
}

func insufficient(caller Caller, missing, expression scopes.Expression) *Error {
	clientID := caller.ClientID
	if clientID == "" {
		clientID = "anonymous"
	}
	return Forbidden("Client ID %s does not have sufficient scopes and is missing the following scopes:"+
		"\n\n```\n%s\n```\n\nThis request requires the client to satisfy the following scope expression:\n\n```\n%s\n```",
		clientID, missing, expression)
}

func (c *call) checkParams() error {
	var problems []string
	for name, value := range c.params {
		pattern := c.server.patterns[name]
		if pattern != nil && !pattern.MatchString(value) {
			problems = append(problems, fmt.Sprintf("URL param %q given %q must match regular expression: %q", name, value, pattern))
		}
	}
	if problems == nil {
		return nil
	}
	slices.Sort(problems)
	return badArguments("Invalid URL patterns:\n" + strings.Join(problems, "\n"))
}

func (c *call) checkQuery() error {
	var problems []string
	for name := range c.r.URL.Query() {
		if name != "bewit" && !slices.Contains(c.method.entry.Query, name) {
			problems = append(problems, fmt.Sprintf("Query-string parameter: %s is not supported!", name))
		}
	}
	if problems == nil {
		return nil
	}
	slices.Sort(problems)
	return badArguments(strings.Join(problems, "\n"))
}

func badArguments(message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "InvalidRequestArguments", Message: message}
}

// checkBody checks the body by the input schema. An absent body counts as an empty object.
func (c *call) checkBody() error {
	if c.method.entry.Input == "" {
		c.body = nil
		return nil
	}
	if len(c.body) == 0 {
		c.body = []byte("{}")
	} else if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind != "application/json" {
		return &Error{
			Status: http.StatusBadRequest, Code: "MalformedPayload",
			Message: "Payload must be JSON with content-type: application/json got content-type: " + c.r.Header.Get("Content-Type"),
		}
	}
	problems, err := validate(c.server.options.Reference, c.method.entry.Input, c.body)
	if err != nil {
		return err
	}
	if problems == nil {
		return nil
	}
	return &Error{
		Status: http.StatusBadRequest, Code: "InputValidationError",
		Message: fmt.Sprintf("\nSchema Validation Failed!\nRejecting Schema: http://%s%s\nErrors:\n  * %s",
			c.r.Host, c.method.entry.Input, strings.Join(problems, "\n  * ")),
	}
}

func (c *call) request() *Request {
	return &Request{
		Method: c.method.entry.Name, Params: c.params, Query: c.r.URL.Query(), Body: c.body,
		Caller: c.caller, HTTP: c.r, Authorize: c.authorize,
	}
}

// log returns the logger with the call's attributes.
func (c *call) log() *slog.Logger {
	name := c.r.URL.Path
	if c.method != nil {
		name = c.method.service + "." + c.method.entry.Name
	}
	return c.server.options.Logger.With("method", name)
}

// stopped tells whether err is only that the client went away or the server stops.
func stopped(r *http.Request, err error) bool {
	over := r.Context().Err()
	return over != nil && errors.Is(err, over)
}

// encode encodes v without the escapes that only HTML needs.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
