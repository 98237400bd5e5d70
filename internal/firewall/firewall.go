// Package firewall closes the clouds' metadata services to the users that tasks run as. From there
// a task could take the machine's own credentials.
//
// Only the ports of the metadata are closed, never an address: the same ones answer DNS and NTP.
package firewall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// ErrUnsupported means that this system has no way to close addresses to some users only.
var ErrUnsupported = errors.New("the metadata services can be closed to tasks on Linux only")

// User is an account of the system.
type User struct {
	Name string
	UID  uint32
}

// Metadata keeps the metadata services closed to some users. Its methods may be called concurrently.
type Metadata struct {
	owner string

	mu     sync.Mutex
	rules  rules // nil before the first Deny
	denied map[uint32][]span
}

// NewMetadata changes nothing yet. Of two workers on one machine each has another owner, such as
// the folder of its tasks; a worker that is started again replaces the rules of its owner.
func NewMetadata(owner string) *Metadata {
	return &Metadata{owner: owner, denied: map[uint32][]span{}}
}

// Deny closes the services to these users as well, and to the further ids that the system lets
// them take on (subuid). It also puts the rules back if somebody has removed them since, and is
// quick when all is as it was: it is meant to be called again before each task.
func (m *Metadata) Deny(ctx context.Context, users ...User) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	set := maps.Clone(m.denied)
	changed := false
	for _, u := range users {
		if _, known := set[u.UID]; known {
			continue
		}
		further, err := subordinate(u)
		if err != nil {
			return fmt.Errorf("close the metadata services to tasks: %w", err)
		}
		set[u.UID], changed = append(further, span{u.UID, u.UID}), true
	}
	if m.rules == nil {
		found, err := find(m.owner)
		if err != nil {
			return fmt.Errorf("close the metadata services to tasks: %w", err)
		}
		m.rules = found
		changed = true
	}
	if !changed && m.rules.intact() {
		return nil
	}
	if err := m.rules.set(ctx, union(set)); err != nil {
		return fmt.Errorf("close the metadata services to tasks: %w", err)
	}
	m.denied = set
	return nil
}

// Allow forgets a user that no process runs as any more. The rules change with the next one.
func (m *Metadata) Allow(uid uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.denied, uid)
}

// Close removes the rules.
func (m *Metadata) Close(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rules == nil {
		return nil
	}
	if err := m.rules.remove(ctx); err != nil {
		return fmt.Errorf("open the metadata services again: %w", err)
	}
	m.rules = nil
	return nil
}

// rules is a tool of the system that keeps rules.
type rules interface {
	// set puts the rules for these users in place of those of before.
	set(ctx context.Context, users []span) error
	// intact tells whether it is certain that nobody has changed any rule since set.
	intact() bool
	remove(ctx context.Context) error
}

// span is a range of user ids.
type span struct{ first, last uint32 }

// String is the form that all tools know.
func (s span) String() string {
	if s.first == s.last {
		return fmt.Sprint(s.first)
	}
	return fmt.Sprintf("%d-%d", s.first, s.last)
}

// union lists all ids in order, without overlaps, which nft does not take.
func union(sets map[uint32][]span) []span {
	all := slices.Concat(slices.Collect(maps.Values(sets))...)
	slices.SortFunc(all, func(a, b span) int { return int(int64(a.first) - int64(b.first)) })
	var joined []span
	for _, s := range all {
		if n := len(joined); n > 0 && s.first <= joined[n-1].last {
			joined[n-1].last = max(joined[n-1].last, s.last)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// destination is a service to close.
type destination struct {
	ipv6    bool
	address string
	ports   []string
}

// destinations are the metadata services. Azure's host gives the machine's certificates at the last.
func destinations() []destination {
	return []destination{
		{false, "169.254.169.254", []string{"80"}},
		{true, "fd00:ec2::254", []string{"80"}},
		{true, "fd20:ce::254", []string{"80"}},
		{false, "168.63.129.16", []string{"80", "32526"}},
	}
}
