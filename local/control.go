package local

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
	"github.com/workerkit/workerkit/local/clouds"
	"github.com/workerkit/workerkit/local/clouds/host"
)

// ControlPath is where commands about machines go, beside the services. They carry the root
// client's access token as a bearer token.
//
//	GET  machines  -> MachineList
//	POST notice, fault, clear, remove  MachineCommand -> {}
//
// An error is a status of 400 and more with {"message": "…"}.
const ControlPath = "/local/v1/"

// MachineList is the reply of machines.
type MachineList struct {
	Machines []host.Info `json:"machines"`
}

// MachineCommand is the body of the other commands.
type MachineCommand struct {
	Machine string         `json:"machine"`          // pool/group/id, or an end of it that no other machine has
	Notice  *clouds.Notice `json:"notice,omitempty"` // of notice
	Fault   *clouds.Fault  `json:"fault,omitempty"`  // of fault
}

// largestCommand bounds the body of a command.
const largestCommand = 1 << 16

// control answers the commands about machines.
type control struct {
	machines *host.Host // nil when there are none
	token    secret.String
}

// ServeHTTP implements http.Handler.
func (c control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if !c.allowed(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refuse(w, http.StatusUnauthorized, errors.New("the bearer token is not the access token of the root client"))
		return
	}
	if c.machines == nil {
		refuse(w, http.StatusNotFound, errors.New("there are no emulated machines here: they need serve --machines"))
		return
	}
	name := strings.TrimPrefix(r.URL.Path, ControlPath)
	if name == "machines" && r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(MachineList{c.machines.Machines()}) // whoever asked has gone
		return
	}
	do, ok := c.commands()[name]
	if !ok || r.Method != http.MethodPost {
		refuse(w, http.StatusNotFound, errors.New("there is no such command"))
		return
	}
	if status, err := c.run(w, r, do); err != nil {
		refuse(w, status, err)
		return
	}
	_, _ = w.Write([]byte("{}\n"))
}

// command does something to one machine.
type command func(clouds.Key, MachineCommand) error

func (c control) commands() map[string]command {
	return map[string]command{
		"notice": func(k clouds.Key, q MachineCommand) error {
			if q.Notice == nil {
				return errors.New("the command has no notice")
			}
			return c.machines.Notify(k, *q.Notice)
		},
		"fault": func(k clouds.Key, q MachineCommand) error {
			if q.Fault == nil {
				return errors.New("the command has no fault")
			}
			return c.machines.AddFault(k, *q.Fault)
		},
		"clear":  func(k clouds.Key, _ MachineCommand) error { return c.machines.ClearFaults(k) },
		"remove": func(k clouds.Key, _ MachineCommand) error { c.machines.Delete(k); return nil },
	}
}

func (c control) run(w http.ResponseWriter, r *http.Request, do command) (status int, err error) {
	var q MachineCommand
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, largestCommand))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return http.StatusBadRequest, err
	}
	k, err := c.machines.Find(q.Machine)
	if err == nil {
		err = do(k, q)
	}
	if errors.Is(err, host.ErrNoMachine) {
		return http.StatusNotFound, err
	}
	return http.StatusBadRequest, err
}

// allowed compares the token in constant time, whatever its length.
func (c control) allowed(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given, wanted := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(c.token.Reveal()))
	return subtle.ConstantTimeCompare(given[:], wanted[:]) == 1 && ok && !c.token.Empty()
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": err.Error()}) // whoever asked has gone
}
