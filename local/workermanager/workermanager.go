// Package workermanager is the worker-manager service: worker pools, the workers in them,
// registration and its credentials, and the errors that workers report.
package workermanager

import (
	"log/slog"
	"maps"
	"time"

	"github.com/workerkit/workerkit/local/api"
	"github.com/workerkit/workerkit/local/store"
)

// serviceName is the service's name in the reference and in the clientIds of its issuer.
const serviceName = "worker-manager"

// Deps is what the service needs. Store, Issuer, Clock and Logger are required.
type Deps struct {
	Store  *store.Store
	Issuer api.Issuer
	Clock  func() time.Time
	Logger *slog.Logger

	// Providers are the places to boot beside "static" and "null-provider", by providerId.
	Providers map[string]Provider
	// Provisioning has the clouds whose machines are made here; the zero value has none.
	Provisioning Provisioning
}

// Server is the service. It is safe for concurrent use; what must last is in the store.
type Server struct {
	store     *store.Store
	issuer    api.Issuer
	clock     func() time.Time
	logger    *slog.Logger
	providers map[string]Provider

	provisioning Provisioning
	nudged       chan struct{}
	pausedUntil  map[string]time.Time // pools whose machines cannot be made; only Provision uses it
}

// New makes the service.
func New(d Deps) *Server {
	providers := map[string]Provider{"static": Static{}, nullProviderID: null{}}
	maps.Copy(providers, d.Providers)
	s := &Server{
		store: d.Store, issuer: d.Issuer, clock: d.Clock, logger: d.Logger, providers: providers,
		provisioning: d.Provisioning, nudged: make(chan struct{}, 1), pausedUntil: map[string]time.Time{},
	}
	maps.Copy(providers, s.cloudProviders())
	return s
}

// Service lists the service's methods.
func (s *Server) Service() api.Service {
	return api.Service{Name: serviceName, Handlers: map[string]api.Handler{
		"listProviders":               s.listProviders,
		"createWorkerPool":            s.createWorkerPool,
		"updateWorkerPool":            s.updateWorkerPool,
		"deleteWorkerPool":            s.deleteWorkerPool,
		"workerPool":                  s.workerPool,
		"workerPoolStats":             s.workerPoolStats,
		"listWorkerPools":             s.listWorkerPools,
		"listWorkerPoolsStats":        s.listWorkerPoolsStats,
		"listWorkerPoolLaunchConfigs": s.listWorkerPoolLaunchConfigs,
		"createWorker":                s.createWorker,
		"updateWorker":                s.updateWorker,
		"removeWorker":                s.removeWorker,
		"worker":                      s.worker,
		"listWorkersForWorkerPool":    s.listWorkersForWorkerPool,
		"listWorkersForWorkerGroup":   s.listWorkersForWorkerGroup,
		"listWorkers":                 s.listWorkers,
		"shouldWorkerTerminate":       s.shouldWorkerTerminate,
		"registerWorker":              s.registerWorker,
		"reregisterWorker":            s.reregisterWorker,
		"reportWorkerError":           s.reportWorkerError,
		"listWorkerPoolErrors":        s.listWorkerPoolErrors,
		"workerPoolErrorStats":        s.workerPoolErrorStats,
	}}
}

// now is the time in the resolution that the API shows, so that what is stored is what was said.
func (s *Server) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }
