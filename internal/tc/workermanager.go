package tc

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	tcclient "github.com/taskcluster/taskcluster/v83/clients/client-go"
	"github.com/taskcluster/taskcluster/v83/clients/client-go/tcworkermanager"

	"github.com/workerkit/workerkit/internal/secret"
)

// WorkerManager are the calls that a worker and its runner make. Errors are *Error.
type WorkerManager struct {
	client *Client
	source Source
}

// WorkerManager returns the calls that a worker and its runner make. Register needs no
// credentials.
func (c *Client) WorkerManager(source Source) WorkerManager { return WorkerManager{c, source} }

// WorkerName is a worker's full name.
type WorkerName struct {
	Pool  string // workerPoolId
	Group string
	ID    string
}

func (n WorkerName) route() string {
	return "/workers/" + url.PathEscape(n.Pool) + "/" + url.PathEscape(n.Group) + "/" + url.PathEscape(n.ID)
}

// Registration is what worker-manager gives to a worker.
type Registration struct {
	Credentials  Credentials
	Expires      time.Time       // of the credentials
	Secret       secret.String   // for the one next Reregister
	WorkerConfig json.RawMessage // an object; nil from Reregister
}

// registerRequest has a field that the typed client lacks: systemBootTime.
type registerRequest struct {
	WorkerPoolID        string          `json:"workerPoolId"`
	ProviderID          string          `json:"providerId"`
	WorkerGroup         string          `json:"workerGroup"`
	WorkerID            string          `json:"workerId"`
	WorkerIdentityProof json.RawMessage `json:"workerIdentityProof"`
	SystemBootTime      *tcclient.Time  `json:"systemBootTime,omitempty"`
}

// Register registers a worker by its proof. A zero boot time is left out; so is any other
// when the service does not know the field, as before v96.
func (w WorkerManager) Register(ctx context.Context, name WorkerName, provider string, proof json.RawMessage, boot time.Time) (Registration, error) {
	request := &registerRequest{
		WorkerPoolID: name.Pool, ProviderID: provider, WorkerGroup: name.Group, WorkerID: name.ID, WorkerIdentityProof: proof,
	}
	if !boot.IsZero() {
		t := tcclient.Time(boot)
		request.SystemBootTime = &t
	}
	r, err := w.register(ctx, request)
	if request.SystemBootTime != nil && unknownField(err) {
		request.SystemBootTime = nil
		r, err = w.register(ctx, request)
	}
	return r, err
}

// unknownField tells whether a request did not match the service's schema. A service that
// knows the field and refuses another one will do so again.
func unknownField(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest && e.Code == "InputValidationError"
}

func (w WorkerManager) register(ctx context.Context, request *registerRequest) (Registration, error) {
	var reply tcworkermanager.RegisterWorkerResponse
	err := w.client.call(ctx, "workerManager.registerWorker", "worker-manager", Anonymous(), func(c tcclient.Client) error {
		_, _, err := c.APICall(request, "POST", "/worker/register", &reply, nil)
		return err
	})
	return registration(reply.Credentials, reply.Expires, reply.Secret, reply.WorkerConfig), err
}

// Reregister exchanges the secret, which is good for one time, for new credentials and a new
// secret. The former credentials stay good until they expire.
func (w WorkerManager) Reregister(ctx context.Context, name WorkerName, once secret.String) (Registration, error) {
	var reply *tcworkermanager.ReregisterWorkerResponse
	err := w.client.call(ctx, "workerManager.reregisterWorker", "worker-manager", w.source, func(c tcclient.Client) error {
		manager := tcworkermanager.WorkerManager(c)
		var err error
		reply, err = manager.ReregisterWorker(&tcworkermanager.ReregisterWorkerRequest{
			WorkerPoolID: name.Pool, WorkerGroup: name.Group, WorkerID: name.ID, Secret: once.Reveal(),
		})
		return err
	})
	if err != nil {
		return Registration{}, err
	}
	return registration(tcworkermanager.Credentials(reply.Credentials), reply.Expires, reply.Secret, nil), nil
}

func registration(c tcworkermanager.Credentials, expires tcclient.Time, once string, config json.RawMessage) Registration {
	return Registration{
		Credentials:  Credentials{ClientID: c.ClientID, AccessToken: secret.New(c.AccessToken), Certificate: secret.New(c.Certificate)},
		Expires:      time.Time(expires),
		Secret:       secret.New(once),
		WorkerConfig: config,
	}
}

// Remove says that the worker has ended; in a cloud its machine is deleted.
func (w WorkerManager) Remove(ctx context.Context, name WorkerName) error {
	return w.client.call(ctx, "workerManager.removeWorker", "worker-manager", w.source, func(c tcclient.Client) error {
		manager := tcworkermanager.WorkerManager(c)
		return manager.RemoveWorker(name.Pool, name.Group, name.ID)
	})
}

// WorkerError is a report for whoever looks after the worker pool; everybody can read it.
type WorkerError struct {
	Kind        string // lower-case letters, digits and dashes
	Title       string
	Description string
	Extra       json.RawMessage // an object
}

// ReportError reports an error of the worker. Texts that are too long for the service are cut.
func (w WorkerManager) ReportError(ctx context.Context, name WorkerName, e WorkerError) error {
	const short, long = 128, 10240
	if len(e.Extra) == 0 {
		e.Extra = json.RawMessage("{}")
	}
	return w.client.call(ctx, "workerManager.reportWorkerError", "worker-manager", w.source, func(c tcclient.Client) error {
		manager := tcworkermanager.WorkerManager(c)
		_, err := manager.ReportWorkerError(name.Pool, &tcworkermanager.WorkerErrorReport{
			WorkerGroup: name.Group, WorkerID: name.ID,
			Kind: cut(e.Kind, short), Title: cut(e.Title, short), Description: cut(e.Description, long), Extra: e.Extra,
		})
		return err
	})
}

// cut shortens text to so many characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// ShouldTerminate asks whether the worker should end, and why.
func (w WorkerManager) ShouldTerminate(ctx context.Context, name WorkerName) (terminate bool, reason string, err error) {
	var reply struct {
		Terminate bool   `json:"terminate"`
		Reason    string `json:"reason"`
	}
	err = w.client.call(ctx, "workerManager.shouldWorkerTerminate", "worker-manager", w.source, func(c tcclient.Client) error {
		_, _, err := c.APICall(nil, "GET", name.route()+"/should-terminate", &reply, nil)
		return err
	})
	return reply.Terminate, reply.Reason, err
}
