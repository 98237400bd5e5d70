package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/store"
)

// timeLayout is how services write a time.
const timeLayout = "2006-01-02T15:04:05.000Z"

// omitted stands in an error where a secret was.
const omitted = "(OMITTED)"

// reply sends what the handler returned, when it is what the reference promises.
func (c *call) reply(result any) error {
	status, body := http.StatusOK, result
	switch v := result.(type) {
	case *Redirect:
		maps.Copy(c.w.Header(), v.Header)
		c.w.Header().Set("Location", v.Location)
		status, body = http.StatusSeeOther, v.Body
	case *Reply:
		status, body = v.Status, v.Body
	case nil:
		if c.method.entry.Output == "" {
			status = http.StatusNoContent
		} else {
			body = struct{}{}
		}
	}
	if body == nil {
		c.w.WriteHeader(status)
		return nil
	}
	data, err := encode(body)
	if err != nil {
		return fmt.Errorf("encode the reply: %w", err)
	}
	if c.method.entry.Output != "" && status < http.StatusBadRequest {
		problems, err := validate(c.server.options.Reference, c.method.entry.Output, data)
		if err != nil {
			return err
		}
		if problems != nil {
			return fmt.Errorf("the reply breaks its schema %s: %s", c.method.entry.Output, strings.Join(problems, "; "))
		}
	}
	c.send(status, data)
	return nil
}

// fail sends err in the shape of the real services. An error that is neither an
// *Error nor known to be the caller's own is logged and becomes a 500, or a 503 when the server
// stops.
func (c *call) fail(err error) {
	known, ok := errors.AsType[*Error](err)
	switch {
	case ok:
	case errors.Is(err, store.ErrKeyTooLong):
		known = InputError("A name in the call is too long")
	case errors.Is(err, scopes.ErrEndless):
		known = InputError("The scopes cannot be expanded: %v", scopes.ErrEndless)
	default:
		known = c.internal(err)
	}
	name := ""
	if c.method != nil {
		name = c.method.entry.Name
	}
	params := c.params
	if params == nil {
		params = map[string]string{}
	}
	now := c.time.UTC().Format(timeLayout)
	message := fmt.Sprintf("%s\n\n---\n\n* method:     %s\n* errorCode:  %s\n* statusCode: %d\n* time:       %s",
		known.Message, name, known.Code, known.Status, now)
	data, err := encode(map[string]any{
		"code": known.Code, "message": message,
		"requestInfo": map[string]any{"method": name, "params": params, "payload": c.payload(known), "time": now},
	})
	if err != nil {
		c.log().Error("an error could not be encoded", "error", err)
		return
	}
	if known.Status == http.StatusUnauthorized {
		c.w.Header().Set("WWW-Authenticate", "hawk")
	}
	c.send(known.Status, data)
}

// internal makes the error that the caller sees of a fault of the server.
func (c *call) internal(err error) *Error {
	if stopped(c.r, err) {
		return &Error{Status: http.StatusServiceUnavailable, Code: "InternalServerError", Message: "The server is stopping"}
	}
	c.log().Error("internal error", "error", err)
	return &Error{
		Status: http.StatusInternalServerError, Code: "InternalServerError",
		Message: fmt.Sprintf("Internal Server Error, see the log of taskcluster-local at %s", c.time.UTC().Format(time.RFC3339Nano)),
	}
}

// payload is the call's payload as an error repeats it.
func (c *call) payload(e *Error) any {
	switch {
	case e.Omit || c.method != nil && c.method.secretPayload():
		return omitted
	case c.method == nil || c.method.entry.Input == "" || !json.Valid(c.body):
		return struct{}{}
	case c.method.holdsSecret():
		return redacted(c.body)
	default:
		return json.RawMessage(c.body)
	}
}

// secretPayload tells whether the method's payload is a secret, which no error repeats.
func (m *method) secretPayload() bool {
	switch m.service + "." + m.entry.Name {
	case "worker-manager.registerWorker", "worker-manager.reregisterWorker", "secrets.set":
		return true
	default:
		return false
	}
}

// secretField is the one field of a payload that no error repeats.
const secretField = "staticSecret"

// holdsSecret tells whether the method's payload has a secretField among fields that an error
// repeats.
func (m *method) holdsSecret() bool {
	switch m.service + "." + m.entry.Name {
	case "worker-manager.createWorker", "worker-manager.updateWorker":
		return true
	default:
		return false
	}
}

// redacted is a payload without what its secretFields hold. A payload may break its schema, so
// they are looked for at any depth.
func redacted(body []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var payload any
	if err := decoder.Decode(&payload); err != nil {
		return struct{}{}
	}
	redact(payload)
	return payload
}

func redact(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if key == secretField {
				v[key] = omitted
			} else {
				redact(value)
			}
		}
	case []any:
		for _, value := range v {
			redact(value)
		}
	}
}

func (c *call) send(status int, data []byte) {
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache, must-revalidate")
	c.w.WriteHeader(status)
	if _, err := c.w.Write(data); err != nil {
		c.log().Debug("a client went away", "error", err)
		return
	}
	c.log().Debug("call", "status", status, "took", c.server.options.Clock().Sub(c.time))
}
