package api

import (
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/workerkit/workerkit/local/clouds"
)

// failure is an error in EC2's form.
type failure struct {
	status        int
	code, message string
}

// Error implements error.
func (f *failure) Error() string { return f.code + ": " + f.message }

func problem(status int, code, format string, args ...any) error {
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

// missing is what EC2 says of an id that it does not know.
func missing(code, format string, args ...any) error {
	return problem(http.StatusBadRequest, code, format, args...)
}

// inTrouble is what EC2 says of a trouble.
func inTrouble(t clouds.Trouble) error {
	switch t {
	case clouds.Throttled:
		return problem(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	case clouds.NoCapacity:
		return problem(http.StatusInternalServerError, "InsufficientInstanceCapacity",
			"We currently do not have sufficient capacity in the Availability Zone you requested.")
	case clouds.Forbidden:
		return problem(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation.")
	default:
		return problem(http.StatusInternalServerError, "InternalError", "An internal error has occurred")
	}
}

// answer sends what a call returned.
func (a *API) answer(w http.ResponseWriter, action string, result any, err error) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	requestID := newID("req")
	if err == nil {
		a.options.Log.Debug("ec2", slog.String("call", action))
		start := xml.StartElement{
			Name: xml.Name{Local: action + "Response"},
			Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: "http://ec2.amazonaws.com/doc/2016-11-15/"}},
		}
		_ = xml.NewEncoder(w).EncodeElement(result, start) // the client may be gone
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{http.StatusInternalServerError, "InternalError", err.Error()}
	}
	a.options.Log.Info("ec2", slog.String("call", action), slog.String("error", f.code), slog.String("message", f.message))
	var body struct {
		XMLName xml.Name `xml:"Response"`
		Errors  struct {
			Error struct{ Code, Message string }
		}
		RequestID string
	}
	body.Errors.Error.Code, body.Errors.Error.Message, body.RequestID = f.code, f.message, requestID
	w.WriteHeader(f.status)
	_ = xml.NewEncoder(w).Encode(body)
}

// done is the result of a call that has nothing to say.
type done struct {
	Return bool `xml:"return"`
}

// set is a list in EC2's form.
type set[T any] struct {
	Items []T `xml:"item"`
}

// stamp is a time in EC2's form.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
