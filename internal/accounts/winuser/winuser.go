// Package winuser makes, logs on and deletes the accounts of tasks on Windows. What it asks of the
// system are small interfaces, so that the order of things and what happens when one fails are the
// same in its tests; New has those of Windows itself.
package winuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/workerkit/workerkit/internal/secret"
)

// Well-known groups by their SIDs: their names depend on the language of the system.
const (
	Users              = "S-1-5-32-545"
	RemoteDesktopUsers = "S-1-5-32-555"
)

var (
	// ErrNoGroup means that there is no group of the name.
	ErrNoGroup = errors.New("there is no such group")
	// ErrNoAccount means that there is no account of the name.
	ErrNoAccount = errors.New("there is no such account")
)

// Token is a handle of a logon; 0 is none.
type Token uintptr

// Entry is an account as the machine lists it.
type Entry struct{ Name, Comment string }

// Book has the accounts and groups of this machine.
type Book interface {
	Add(name string, password secret.String, comment string) error
	Remove(name string) error // ErrNoAccount
	List() ([]Entry, error)
	SID(name string) (string, error) // ErrNoAccount
	// Join takes a group's name or SID. Who is a member already stays one.
	Join(group, sid string) error // ErrNoGroup
}

// Logons logs accounts on.
type Logons interface {
	// Logon makes a token of a new logon, in a session of the desktop unless that is 0.
	Logon(name string, password secret.String, session uint32) (Token, error)
	Close(t Token) error
}

// Profiles has what is an account's own below the folder of profiles and in the registry.
type Profiles interface {
	// Ready tells whether the system's service for profiles runs.
	Ready() (bool, error)
	// Load makes the profile, if it is the first time, and has it there until Unload.
	Load(t Token, name string) (profile uintptr, dir string, err error)
	Unload(t Token, profile uintptr) error
	// Dir is "" where there is none.
	Dir(sid string) (string, error)
	// Delete deletes a profile that nobody has loaded. One that is gone is no error.
	Delete(sid string) error
}

// Processes finds and ends processes.
type Processes interface {
	Of(sid string) ([]uint32, error)
	// Kill ends one that is the account's still: the number may be another one's by now.
	Kill(pid uint32, sid string)
}

// System is all of it.
type System struct {
	Book      Book
	Logons    Logons
	Profiles  Profiles
	Processes Processes
	Traces    Traces
	// Grant lets an account show windows on the desktop of a session, which token is of; nil where there
	// is none.
	Grant func(ctx context.Context, token Token, sid string) error
}

// Account is one of a task.
type Account struct {
	Name, SID string
	Home      string // its profile
	Password  secret.String
	Token     Token
}

// Accounts makes and deletes accounts. Its methods may be called concurrently.
type Accounts struct {
	system System
	logger *slog.Logger
	poll   time.Duration

	mu   sync.Mutex
	here map[string]*presence // by SID
}

// presence is what an account holds while it is logged on.
type presence struct {
	tokens  []Token // all of its logons; the last one is in use
	loaded  Token   // with which the profile was loaded; 0 for none
	profile uintptr
	session uint32 // of the desktop; 0 is none
}

// NewWith makes accounts by what the caller says the system is.
func NewWith(system System, logger *slog.Logger) *Accounts {
	const poll = 100 * time.Millisecond
	return &Accounts{system: system, logger: logger, poll: poll, here: map[string]*presence{}}
}

// Create makes an account that is a member of Users, logs it on and makes its profile. The comment says
// whose it is.
func (a *Accounts) Create(ctx context.Context, name, comment string) (account Account, err error) {
	if err := a.ready(ctx); err != nil {
		return Account{}, err
	}
	account = Account{Name: name, Password: password()}
	if err := a.system.Book.Add(name, account.Password, comment); err != nil {
		return Account{}, fmt.Errorf("winuser: make the account %s: %w", name, err)
	}
	if err := a.begin(&account); err != nil {
		return Account{}, errors.Join(fmt.Errorf("winuser: the account %s: %w", name, err), a.Delete(context.WithoutCancel(ctx), account))
	}
	return account, nil
}

// begin makes an account that is there one that can run programs.
func (a *Accounts) begin(account *Account) (err error) {
	if account.SID, err = a.system.Book.SID(account.Name); err != nil {
		return err //nolint:wrapcheck // by Create
	}
	if err := a.system.Book.Join(Users, account.SID); err != nil {
		return fmt.Errorf("join Users: %w", err)
	}
	token, err := a.system.Logons.Logon(account.Name, account.Password, 0)
	if err != nil {
		return fmt.Errorf("log on: %w", err)
	}
	p := &presence{tokens: []Token{token}, loaded: token}
	a.mu.Lock()
	a.here[account.SID] = p
	a.mu.Unlock()
	if p.profile, account.Home, err = a.system.Profiles.Load(token, account.Name); err != nil {
		p.loaded = 0
		return fmt.Errorf("make the profile: %w", err)
	}
	account.Token = token
	return nil
}

// profTime bounds how long the system's service for profiles may take to start, after a boot.
const profTime = 5 * time.Minute

// ready waits for the service for profiles.
func (a *Accounts) ready(ctx context.Context) error {
	err := a.until(ctx, profTime, "the service ProfSvc does not run", a.system.Profiles.Ready)
	if err != nil {
		return fmt.Errorf("winuser: no profile can be made: %w", err)
	}
	return nil
}

// until waits until done is true; its last error is said with the others.
func (a *Accounts) until(ctx context.Context, limit time.Duration, otherwise string, done func() (bool, error)) error {
	ctx, stop := context.WithTimeoutCause(ctx, limit, fmt.Errorf("after %s: %s", limit, otherwise)) //nolint:err113 // nobody tells them apart
	defer stop()
	tick := time.NewTicker(a.poll)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok && err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// Enter takes the logon that an account has at the machine's screen: its token, which is given away, in
// a session of the desktop.
func (a *Accounts) Enter(account *Account, token Token, session uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.here[account.SID] = &presence{tokens: []Token{token}, session: session}
	account.Token = token
}

// Join makes the account a member of groups, and logs it on again: a token knows the groups of its time.
// Nothing is joined unless all groups are there, as far as that can be known.
func (a *Accounts) Join(ctx context.Context, account *Account, groups []string) error {
	for _, group := range groups {
		if strings.TrimSpace(group) == "" {
			return fmt.Errorf("winuser: %w: %q", ErrNoGroup, group)
		}
		if err := a.system.Book.Join(group, account.SID); err != nil {
			return fmt.Errorf("winuser: join %s: %w", group, err)
		}
	}
	a.mu.Lock()
	p := a.here[account.SID]
	a.mu.Unlock()
	if p == nil {
		return nil // it is not logged on
	}
	token, err := a.system.Logons.Logon(account.Name, account.Password, p.session)
	if err == nil && p.session != 0 && a.system.Grant != nil {
		if err = a.system.Grant(ctx, p.tokens[0], account.SID); err != nil {
			err = errors.Join(err, a.system.Logons.Close(token))
		}
	}
	if err != nil {
		return fmt.Errorf("winuser: log %s on as a member of its groups: %w", account.Name, err)
	}
	a.hold(account, token)
	return nil
}

// Take has the account use another token, which it owns from then on.
func (a *Accounts) Take(account *Account, token Token) { a.hold(account, token) }

func (a *Accounts) hold(account *Account, token Token) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.here[account.SID]
	if p == nil {
		p = &presence{}
		a.here[account.SID] = p
	}
	p.tokens = append(p.tokens, token)
	account.Token = token
}

// Lookup finds an account; ok is false when there is none.
func (a *Accounts) Lookup(name string) (account Account, ok bool, err error) {
	sid, err := a.system.Book.SID(name)
	if errors.Is(err, ErrNoAccount) {
		return Account{}, false, nil
	}
	if err != nil {
		return Account{}, false, fmt.Errorf("winuser: find %s: %w", name, err)
	}
	dir, err := a.system.Profiles.Dir(sid)
	if err != nil {
		return Account{}, false, fmt.Errorf("winuser: find the profile of %s: %w", name, err)
	}
	return Account{Name: name, SID: sid, Home: dir}, true, nil
}

// List lists the accounts whose names and comments the filter wants.
func (a *Accounts) List(want func(Entry) bool) ([]Account, error) {
	entries, err := a.system.Book.List()
	if err != nil {
		return nil, fmt.Errorf("winuser: list the accounts: %w", err)
	}
	var list []Account
	for _, entry := range entries {
		if !want(entry) {
			continue
		}
		account, ok, err := a.Lookup(entry.Name)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, account)
		}
	}
	return list, nil
}
