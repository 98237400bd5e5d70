package api

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/scopes"
	"github.com/workerkit/workerkit/local/reference"
)

// Authenticator tells who makes a call. body is the call's whole body, for the payload hash.
// It returns the anonymous caller for a call without credentials and a 401 *Error for one
// whose credentials are no good. It is called concurrently.
type Authenticator interface {
	Authenticate(r *http.Request, body []byte) (Caller, error)
}

// Options are what a Server needs; each is required.
type Options struct {
	Reference     *reference.Reference
	Authenticator Authenticator
	Clock         func() time.Time
	Logger        *slog.Logger
}

// Server answers /api/<service>/<version>/… for its services, and the reference's documents
// under /references/ and /schemas/. Every call and every reply is checked by the reference. It
// is safe for concurrent use once all services are added.
type Server struct {
	options  Options
	patterns map[string]*regexp.Regexp // of route parameters
	started  time.Time
	services map[string]*service
}

// service is a Service joined with its part of the reference.
type service struct {
	name    string
	version string
	methods []*method
}

// method is one method of the reference, with the handler for it if it is emulated.
type method struct {
	service string
	entry   reference.Entry
	route   route
	handler Handler

	// scopes is the method's scope expression, nil when it needs no authentication, and names
	// are the parameters in it.
	scopes *scopes.Template
	names  []string
}

// NewServer makes a server without services.
func NewServer(o Options) *Server {
	return &Server{options: o, patterns: paramPatterns(), started: o.Clock(), services: map[string]*service{}}
}

// Add adds a service. It fails when the reference does not know the service or one of its
// methods. It must not be called once calls are served.
func (s *Server) Add(add Service) error {
	ref, ok := s.options.Reference.Service(add.Name)
	if !ok {
		return fmt.Errorf("api: the reference has no service %q", add.Name)
	}
	added := &service{name: ref.Name, version: ref.Version}
	handlers := s.commonHandlers()
	maps.Copy(handlers, add.Handlers)
	for _, entry := range ref.Entries {
		m, err := newMethod(ref.Name, entry, handlers[entry.Name])
		if err != nil {
			return fmt.Errorf("api: %s.%s: %w", ref.Name, entry.Name, err)
		}
		added.methods = append(added.methods, m)
		delete(handlers, entry.Name)
	}
	for name := range handlers {
		return fmt.Errorf("api: the reference's %s has no method %q", add.Name, name)
	}
	s.services[add.Name] = added
	return nil
}

func newMethod(service string, entry reference.Entry, handler Handler) (*method, error) {
	m := &method{service: service, entry: entry, route: parseRoute(entry.Route), handler: handler}
	if len(entry.Scopes) == 0 || string(entry.Scopes) == "null" {
		return m, nil
	}
	m.scopes = &scopes.Template{}
	if err := m.scopes.UnmarshalJSON(entry.Scopes); err != nil {
		return nil, err
	}
	m.names = m.scopes.Names()
	return m, nil
}

// find returns the method for a call, and what stands in the place of its route's parameters.
// Literal routes win over those with parameters in the same place.
func (s *service) find(httpMethod, path string) (*method, map[string]string) {
	if httpMethod == http.MethodHead {
		httpMethod = http.MethodGet
	}
	var best *method
	var bestParams map[string]string
	for _, m := range s.methods {
		if !strings.EqualFold(m.entry.Method, httpMethod) {
			continue
		}
		params, ok := m.route.match(path)
		if ok && (best == nil || m.route.literals() > best.route.literals()) {
			best, bestParams = m, params
		}
	}
	return best, bestParams
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header())
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusOK)
		return
	}
	path := r.URL.EscapedPath()
	rest, isAPI := strings.CutPrefix(path, "/api/")
	if !isAPI {
		s.serveDocument(w, path)
		return
	}
	c := &call{server: s, w: w, r: r, time: s.options.Clock()}
	name, rest, _ := strings.Cut(rest, "/")
	version, rest, _ := strings.Cut(rest, "/")
	svc := s.services[name]
	if svc == nil || svc.version != version {
		c.fail(NotFound("taskcluster-local has no service %s/%s; it has %s", name, version, strings.Join(s.names(), ", ")))
		return
	}
	c.method, c.params = svc.find(r.Method, "/"+rest)
	switch {
	case c.method == nil:
		c.fail(NotFound("the service %s has no method with the route %s %s", name, r.Method, "/"+rest))
	case c.method.handler == nil:
		observeMethod(w, name, c.method.entry.Name)
		c.fail(NotFound("taskcluster-local does not emulate the method %s of the service %s", c.method.entry.Name, name))
	default:
		observeMethod(w, name, c.method.entry.Name)
		c.serve(r.Context())
	}
}

// names lists the services with their versions.
func (s *Server) names() []string {
	names := make([]string, 0, len(s.services))
	for _, svc := range s.services {
		names = append(names, svc.name+"/"+svc.version)
	}
	slices.Sort(names)
	return names
}

// serveDocument serves a document of the reference.
func (s *Server) serveDocument(w http.ResponseWriter, path string) {
	doc, ok := s.options.Reference.Document(path)
	if !ok {
		http.Error(w, "taskcluster-local has nothing at this path; its services are at /api/", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(doc); err != nil {
		s.options.Logger.Debug("a client went away", "path", path, "error", err)
	}
}

// allowOrigins lets web pages of any origin make calls, as the real services do.
func allowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Max-Age", "900")
	h.Set("Access-Control-Allow-Methods", "OPTIONS,GET,HEAD,POST,PUT,DELETE,TRACE,CONNECT")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With,Content-Type,Authorization,Accept,Origin,Cache-Control")
	h.Set("Access-Control-Request-Method", "*")
}
