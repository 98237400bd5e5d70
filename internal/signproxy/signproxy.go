// Package signproxy is an HTTP handler that passes calls on to a Taskcluster deployment, signed
// with somebody's credentials, which those who call never see.
//
//	/api/<service>/<version>/<path>  goes to the same path below the root URL
//	/<service>/<version>/<path>      likewise, as old clients say it
//	/<host>/<path>                   likewise, where the host is the deployment's own
//	POST /bewit                      the body is a URL; the reply has it signed, good for an hour
//	PUT /credentials                 refused: whoever calls has no say in the credentials
//
// Bodies and replies are passed on as they come, in constant memory; headers are kept, each with all
// its values, but for those of a single connection. Redirects are the caller's to follow.
package signproxy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// Config is what a proxy needs.
type Config struct {
	RootURL     string    // of the deployment; it may have a path
	Credentials tc.Source // asked anew for every attempt
	Scopes      []string  // to which the calls are restricted
	// Transport makes the calls; it must not follow redirects, which no http.Transport does.
	Transport http.RoundTripper
	// Retry is for calls that can be repeated: idempotent, with a small body or none.
	Retry  retry.Policy
	Logger *slog.Logger
}

// Proxy is the handler. It holds nothing that has to be closed.
type Proxy struct {
	root      *url.URL // its path has no slash at the end
	signer    signer
	transport http.RoundTripper
	logger    *slog.Logger
}

// New makes a proxy. It fails when the root URL is none.
func New(c Config) (*Proxy, error) {
	root, err := url.Parse(strings.TrimRight(c.RootURL, "/"))
	if err != nil || root.Host == "" {
		return nil, fmt.Errorf("signproxy: the root URL %q is not a URL with a host", c.RootURL)
	}
	s := signer{c.Credentials, c.Scopes}
	return &Proxy{root, s, &transport{s, c.Transport, c.Retry}, c.Logger}, nil
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/bewit":
		p.bewit(w, r)
		return
	case "/credentials":
		p.refuse(w, http.StatusForbidden, "the worker gives this proxy its credentials; a task cannot change them")
		return
	}
	target := p.target(r.URL)
	if target == nil {
		p.refuse(w, http.StatusNotFound, "this proxy passes on /api/<service>/<version>/<path>, /<service>/<version>/<path> and /"+p.root.Host+"/<path>")
		return
	}
	p.pass(w, r, target)
}

// target is where a call goes; nil is nowhere. Every character of a path counts, so it is never tidied.
func (p *Proxy) target(u *url.URL) *url.URL {
	path := u.EscapedPath()
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	base := p.root.String()
	switch {
	case first == "api" && rest != "":
	case first == p.root.Host:
		base, path = p.root.Scheme+"://"+p.root.Host, "/"+rest
	case isService(first) && rest != "":
		path = "/api" + path
	default:
		return nil
	}
	target, err := url.Parse(base + path)
	if err != nil {
		return nil
	}
	target.RawQuery, target.ForceQuery = u.RawQuery, u.ForceQuery
	return target
}

// isService tells a service's name from a host's.
func isService(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// pass makes the call and copies the reply.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, target *url.URL) {
	w.Header()["Content-Type"], w.Header()["Date"] = nil, nil // or the server would add what the service did not say
	proxy := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL, pr.Out.Host = target, target.Host
			pr.Out.Header.Del("Upgrade") // no API call becomes another protocol
			pr.Out.Header.Del("Connection")
			if pr.Out.Header.Get("Accept-Encoding") == "" {
				pr.Out.Header.Set("Accept-Encoding", "identity") // or the transport would ask for gzip, and undo it
			}
		},
		Transport:     p.transport,
		FlushInterval: -1,
		ErrorLog:      slog.NewLogLogger(p.logger.Handler(), slog.LevelDebug),
		ModifyResponse: func(reply *http.Response) error {
			p.signer.describe(reply.Header, target)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p.logger.DebugContext(r.Context(), "signproxy: a call failed", "host", target.Host, "error", err)
			p.signer.describe(w.Header(), target)
			p.refuse(w, http.StatusBadGateway, "no answer from "+target.Host+"; the call may be tried again")
		},
	}
	proxy.ServeHTTP(w, r)
}

// refuse answers in the form of the services' own errors.
func (*Proxy) refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "ProxyError", "message": message}) // whoever asked has gone
}
