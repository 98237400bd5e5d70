package conformance_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v3"
	"github.com/taskcluster/httpbackoff/v3"
	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcauth"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcindex"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcobject"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcpurgecache"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcqueue"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcsecrets"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/local/localtest"
)

// goReplay makes the script's steps through the typed methods of the Go client, so that every
// payload and reply passes through the client's types, and keeps what came over the wire.
type goReplay struct {
	t     *testing.T
	vars  variables
	start time.Time
}

func replayWithGo(t *testing.T, script []step, server *localtest.Instance) []record {
	t.Helper()
	r := goReplay{t: t, start: time.Now(), vars: variables{
		"root":      server.RootURL,
		"anonymous": nil,
	}}
	r.vars["root client"] = map[string]any{"clientId": server.ClientID, "accessToken": server.AccessToken}
	var records []record
	for i, s := range script {
		got := r.step(s)
		records = append(records, got)
		for name, path := range s.Save {
			value := at(got.Body, path)
			if path == "location" {
				value = got.Location
			}
			if value == nil {
				t.Fatalf("%s: nothing at %q in %v", s.name(i), path, got.Body)
			}
			r.vars[name] = value
		}
	}
	return records
}

func (r goReplay) step(s step) record {
	r.t.Helper()
	switch {
	case s.Call != "":
		return r.call(s)
	case s.Sign != "":
		return r.sign(s)
	case s.HTTP != "":
		return r.http(s)
	default:
		maps.Copy(r.vars, s.Set)
		return record{}
	}
}

// sign makes a signed URL for a method, or for the step's URL when Sign is only a service.
func (r goReplay) sign(s step) record {
	r.t.Helper()
	var results []reflect.Value
	if s.URL != "" {
		client := tcclient.Client{Credentials: r.credentials(s.As), Authenticate: true}
		signed, err := client.SignedURL(r.vars.text(r.t, s.URL, r.start), nil, time.Minute)
		results = []reflect.Value{reflect.ValueOf(signed), reflect.ValueOf(&err).Elem()}
	} else {
		results = r.invoke(s.Sign, "_SignedURL", s, &wire{})
	}
	signed, ok := reflect.TypeAssert[*url.URL](results[0])
	if err, _ := reflect.TypeAssert[error](results[1]); err != nil || !ok {
		r.t.Fatalf("%s: no signed URL: %v", s.Sign, err)
	}
	return record{Body: signed.String()}
}

func (r goReplay) call(s step) record {
	r.t.Helper()
	w := &wire{}
	results := r.invoke(s.Call, "", s, w)
	err, _ := reflect.TypeAssert[error](results[len(results)-1])
	if w.status == 0 {
		r.t.Fatalf("%s: %v", s.Call, err)
	}
	if w.status < http.StatusBadRequest && err != nil {
		r.t.Errorf("%s: the Go client does not understand the reply: %v", s.Call, err)
	}
	got := record{Status: w.status}
	if len(w.body) > 0 {
		if err := json.Unmarshal(w.body, &got.Body); err != nil {
			r.t.Errorf("%s: the reply is not JSON: %v", s.Call, err)
		}
	}
	return got
}

// invoke calls the typed client's method, or its variant with the suffix.
func (r goReplay) invoke(call, suffix string, s step, w *wire) []reflect.Value {
	r.t.Helper()
	service, name, _ := strings.Cut(call, ".")
	client := reflect.ValueOf(typed(r.t, service, r.credentials(s.As), r.vars["root"].(string)))
	client.Elem().FieldByName("HTTPClient").Set(reflect.ValueOf(w))
	client.Elem().FieldByName("HTTPBackoffClient").Set(reflect.ValueOf(&httpbackoff.Client{BackOffSettings: noRetry()}))
	method := client.MethodByName(strings.ToUpper(name[:1]) + name[1:] + suffix)
	if !method.IsValid() {
		r.t.Fatalf("the Go client has no method %s%s", call, suffix)
	}
	args := s.Args
	var in []reflect.Value
	for kind := range method.Type().Ins() {
		switch {
		case kind == reflect.TypeFor[time.Duration]():
			in = append(in, reflect.ValueOf(time.Minute))
		case kind.Kind() == reflect.String:
			text := "" // an option of the query
			if len(args) > 0 {
				text, args = r.vars.text(r.t, args[0], r.start), args[1:]
			}
			in = append(in, reflect.ValueOf(text))
		default:
			in = append(in, r.payload(s, kind))
		}
	}
	return method.Call(in)
}

// payload decodes the step's payload into the type that the client's method takes.
func (r goReplay) payload(s step, kind reflect.Type) reflect.Value {
	r.t.Helper()
	var raw any
	if len(s.Payload) > 0 {
		if err := json.Unmarshal(s.Payload, &raw); err != nil {
			r.t.Fatal(err)
		}
	}
	data, err := json.Marshal(r.vars.expand(r.t, raw, r.start))
	if err != nil {
		r.t.Fatal(err)
	}
	value := reflect.New(kind.Elem())
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value.Interface()); err != nil {
		r.t.Fatalf("%s: the Go client has no place for the payload: %v", s.Call, err)
	}
	return value
}

func (r goReplay) credentials(as string) *tcclient.Credentials {
	r.t.Helper()
	if as == "" || as == "anonymous" {
		return nil
	}
	if as == "root" {
		as = "root client"
	}
	data, err := json.Marshal(r.vars[as])
	if err != nil {
		r.t.Fatal(err)
	}
	var creds tcclient.Credentials
	if err := json.Unmarshal(data, &creds); err != nil || creds.ClientID == "" {
		r.t.Fatalf("%q holds no credentials: %v", as, err)
	}
	return &creds
}

func (r goReplay) http(s step) record {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), s.HTTP, r.vars.text(r.t, s.URL, r.start), strings.NewReader(s.Body))
	if err != nil {
		r.t.Fatal(err)
	}
	headers, _ := r.vars.expand(r.t, s.Headers, r.start).(map[string]any)
	for name, value := range headers {
		request.Header.Set(name, value.(string))
	}
	w := &wire{}
	response, err := w.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	got := record{Status: response.StatusCode, Text: string(w.body), Location: response.Header.Get("Location")}
	if json.Unmarshal(w.body, &got.Body) != nil {
		got.Body = nil // bytes of an artifact
	}
	return got
}

// wire is the HTTP client below the Go client: it keeps the last reply, follows no redirects.
type wire struct {
	status int
	body   []byte
}

// Do implements tcclient.ReducedHTTPClient.
func (w *wire) Do(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	w.status = response.StatusCode
	w.body, err = io.ReadAll(response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	response.Body = io.NopCloser(bytes.NewReader(w.body))
	return response, err
}

// typed makes the Go client of a service.
func typed(t *testing.T, service string, creds *tcclient.Credentials, rootURL string) any {
	t.Helper()
	switch service {
	case "auth":
		return tcauth.New(creds, rootURL)
	case "queue":
		return tcqueue.New(creds, rootURL)
	case "worker-manager":
		return tcworkermanager.New(creds, rootURL)
	case "secrets":
		return tcsecrets.New(creds, rootURL)
	case "index":
		return tcindex.New(creds, rootURL)
	case "purge-cache":
		return tcpurgecache.New(creds, rootURL)
	case "object":
		return tcobject.New(creds, rootURL)
	default:
		t.Fatalf("no Go client for %q", service)
		return nil
	}
}

// noRetry turns the client's own retries off: a 500 is a failure here, not a reason to wait.
func noRetry() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.MaxElapsedTime = time.Nanosecond
	return b
}
