package register

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/workerkit/workerkit/internal/retry"
	"github.com/workerkit/workerkit/internal/tc"
)

// ErrAlreadyRunning means that worker-manager has registered this machine before, which it
// does once in the life of a machine that it made: nothing will make it register again.
var ErrAlreadyRunning = errors.New("worker-manager has this machine registered already")

// Proofs is how a refused proof is repeated, with a fresh one each time: worker-manager
// refuses alike what is wrong and what it could not check, for example because it could not
// download a certificate.
func Proofs() retry.Policy {
	return retry.Policy{Attempts: 3, Initial: 9 * time.Second, Factor: 1.4, Jitter: 0.4}
}

// refusal is what a refused registration means.
type refusal struct {
	hint    string // what to do about it; "" when that is not known
	passing bool   // a fresh proof may be accepted
	opaque  bool   // worker-manager says the same whatever it does not like about the proof
	running bool   // the machine has been registered before
}

// known is a refusal that worker-manager explains.
type known struct {
	status int
	text   string // a part of the message, in lower case
	refusal
}

// table lists the refusals that are known, the first that fits counts. own is for somebody's
// own machine, whose record somebody made by hand.
func table(own bool) []known {
	const bad, none = http.StatusBadRequest, http.StatusNotFound
	record := "worker-manager has given the machine up: it started too late, or was removed meanwhile"
	stopped := refusal{running: true}
	if own {
		record = "create the worker's record (workerManager.createWorker), with the group and the ID of the config"
		stopped = refusal{hint: "its record was removed, or has stopped: delete the record and create it again (workerManager.createWorker)"}
	}
	return []known{
		{none, "worker pool", refusal{hint: "check workerPoolID, or create the worker pool"}},
		{none, "provider", refusal{hint: "check providerID: it is the provider's name in the deployment's own configuration, not the kind of cloud"}},
		{none, "worker", refusal{hint: record}},
		{bad, "not associated with provider", refusal{hint: "check providerID and workerPoolID: the pool has another provider"}},
		{bad, "has expired", refusal{hint: "the worker's record is too old: " + record}},
		{bad, "does not have provider", refusal{hint: "check providerID: the worker's record is of another provider"}},
		{bad, "staticsecret", refusal{hint: "the static secret in the config is not the one in the worker's record (workerManager.createWorker, providerInfo.staticSecret)"}},
		{bad, "validation error", refusal{passing: true, opaque: true, hint: "worker-manager could not verify the identity of the machine: check that the clock is right, that the machine is one that the worker pool made, and worker-manager's own log"}},
		{bad, "running", stopped},
		{bad, "no need to register", stopped},
		{bad, "schema validation", refusal{hint: "the deployment expects another form of the call: its release and this program's are too far apart"}},
	}
}

// judge finds out what a refusal means. err has an HTTP status and is not Temporary.
func judge(err error, own bool) refusal {
	e, ok := errors.AsType[*tc.Error](err)
	if !ok {
		return refusal{}
	}
	if e.Code == "" {
		return refusal{passing: true, hint: "the reply is not Taskcluster's: check rootURL, and the proxy if there is one"}
	}
	message := strings.ToLower(e.Message)
	for _, k := range table(own) {
		// The message on a missing worker names its pool too: what is missing comes first.
		found := strings.Contains(message, k.text)
		if k.status == http.StatusNotFound {
			found = strings.HasPrefix(message, k.text)
		}
		if found && e.Status == k.status {
			return k.refusal
		}
	}
	if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		return refusal{passing: true, hint: "the call needs no credentials: check rootURL, and the proxy if there is one"}
	}
	return refusal{}
}

// unanswered is a hint for calls that got no reply.
func unanswered(err error) string {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "the certificate of the deployment has expired or is not good yet: check the clock of this machine (NTP)"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "nobody trusted has signed the certificate of the deployment: if a proxy or your own authority did, name its certificate with caFile"
	}
	return ""
}
