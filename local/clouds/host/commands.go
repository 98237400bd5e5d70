package host

import (
	"fmt"
	"strings"

	"github.com/workerkit/workerkit/local/clouds"
)

// Find finds the machine whose name, pool/group/id, is or ends in name. The error says what
// there is instead.
func (h *Host) Find(name string) (clouds.Key, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []clouds.Key
	for k := range h.machines {
		if k.String() == name {
			return k, nil
		}
		if name != "" && strings.HasSuffix(k.String(), name) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return clouds.Key{}, fmt.Errorf("%w %q; there are %d machines", ErrNoMachine, name, len(h.machines))
	default:
		return clouds.Key{}, fmt.Errorf("%w %q alone: %d machines end in it", ErrNoMachine, name, len(found))
	}
}

// Notify makes the metadata service of a machine announce something.
func (h *Host) Notify(k clouds.Key, n clouds.Notice) error {
	return h.with(k, func(m *machine) error { return m.service.Notify(n) })
}

// AddFault makes the metadata service of a machine misbehave from now on.
func (h *Host) AddFault(k clouds.Key, f clouds.Fault) error {
	return h.with(k, func(m *machine) error { return m.faults.Add(f) })
}

// ClearFaults ends all faults of a machine's metadata service.
func (h *Host) ClearFaults(k clouds.Key) error {
	return h.with(k, func(m *machine) error { m.faults.Clear(); return nil })
}

func (h *Host) with(k clouds.Key, do func(*machine) error) error {
	m, ok := h.machine(k)
	if !ok {
		return fmt.Errorf("%w %s", ErrNoMachine, k)
	}
	return do(m)
}
