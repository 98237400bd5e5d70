package winuser

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
)

// Trace is something of an account that would go on or stay without it.
type Trace struct{ Kind, Name string }

// Kinds of traces.
const (
	ScheduledTask = "scheduled task"
	Service       = "service"
	RecycleBin    = "recycle bin"
)

// Traces finds and removes what the system was told to run as an account, and what the account has thrown
// away. What an administrator has told it to run as somebody else is not known by this.
type Traces interface {
	Of(account Account) ([]Trace, error) // with what was found before something failed
	Remove(t Trace) error                // one that is gone is no error
}

// erase removes an account's traces. It goes on when something fails.
func (a *Accounts) erase(account Account) error {
	traces, err := a.system.Traces.Of(account)
	if err != nil {
		err = fmt.Errorf("winuser: find what %s has left: %w", account.Name, err)
	}
	for _, t := range traces {
		a.logger.Info("winuser: a task has left something of its account's outside of its profile; it is removed", "account", account.Name, "kind", t.Kind, "name", t.Name)
		if failed := a.system.Traces.Remove(t); failed != nil {
			err = errors.Join(err, fmt.Errorf("winuser: remove the %s %s of %s: %w", t.Kind, t.Name, account.Name, failed))
		}
	}
	return err
}

// is tells whether a text by which the system names a user means this account of the machine.
func (a Account) is(user, machine string) bool {
	if a.SID != "" && strings.EqualFold(user, a.SID) {
		return true
	}
	domain, name, qualified := strings.Cut(user, `\`)
	if !qualified {
		return strings.EqualFold(user, a.Name)
	}
	return strings.EqualFold(name, a.Name) && (domain == "." || strings.EqualFold(domain, machine))
}

// scheduled lists the tasks that run as a user that is meant, in the folder where the system's scheduler
// keeps a file for each.
func scheduled(folder fs.FS, meant func(user string) bool) ([]Trace, error) {
	var found []Trace
	err := fs.WalkDir(folder, ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed meanwhile
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := fs.ReadFile(folder, path)
		if err != nil {
			return nil //nolint:nilerr // removed meanwhile, or open only to somebody else, whose it is then
		}
		if slices.ContainsFunc(principals(text), meant) {
			found = append(found, Trace{ScheduledTask, `\` + strings.ReplaceAll(path, "/", `\`)})
		}
		return nil
	})
	return found, err
}

// bins lists an account's folders of what it has thrown away, of which each of the drives may have one.
func bins(drives []string, sid string) []Trace {
	if !strings.HasPrefix(sid, "S-1-") { // it would be everybody's
		return nil
	}
	var found []Trace
	for _, drive := range drives {
		folder := filepath.Join(drive, "$Recycle.Bin", sid)
		if _, err := os.Lstat(folder); err == nil {
			found = append(found, Trace{RecycleBin, folder})
		}
	}
	return found
}

// principals are the users as whom a task runs, by its definition.
func principals(definition []byte) []string {
	var task struct {
		Users []string `xml:"Principals>Principal>UserId"`
	}
	decoder := xml.NewDecoder(bytes.NewReader(decoded(definition)))
	decoder.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it was decoded
	if decoder.Decode(&task) != nil {
		return nil // not the scheduler's
	}
	for i, user := range task.Users {
		task.Users[i] = strings.TrimSpace(user)
	}
	return task.Users
}

// decoded is a text that may be in UTF-16, as the system writes it.
func decoded(text []byte) []byte {
	rest, wide := bytes.CutPrefix(text, []byte{0xff, 0xfe})
	if !wide {
		return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	const unit = 2 // bytes
	units := make([]uint16, len(rest)/unit)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(rest[unit*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
