package api

import (
	"net/http"
	"time"
)

// Call is one call as it was answered.
type Call struct {
	Service string    `json:"service"` // "queue"; "blob" for the signed-URL store
	Method  string    `json:"method"`  // of the reference, "claimWork"; of HTTP for the signed-URL store
	Status  int       `json:"status"`
	Start   time.Time `json:"start"` // when its header had come in
	End     time.Time `json:"end"`   // when its reply had gone out
}

// Observe passes calls on to next and then tells observe about each. A call counts as one of
// the named service with its HTTP method, until the Server says better. observe is called
// concurrently.
func Observe(next http.Handler, service string, clock func() time.Time, observe func(Call)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := &observer{
			ResponseWriter: w,
			call:           Call{Service: service, Method: r.Method, Status: http.StatusOK, Start: clock()},
		}
		defer func() {
			o.call.End = clock()
			observe(o.call)
		}()
		next.ServeHTTP(o, r)
	})
}

// observer notes the status of a reply.
type observer struct {
	http.ResponseWriter
	call Call
}

// WriteHeader implements http.ResponseWriter.
func (o *observer) WriteHeader(status int) {
	o.call.Status = status
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observer) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// observeMethod tells the observer around w, if there is one, which method it observes.
func observeMethod(w http.ResponseWriter, service, method string) {
	for {
		if o, ok := w.(*observer); ok {
			o.call.Service, o.call.Method = service, method
			return
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = wrapper.Unwrap()
	}
}
