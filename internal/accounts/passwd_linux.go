package accounts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Fields of /etc/passwd.
const (
	fieldUID  = 2
	fieldGID  = 3
	fieldHome = 5
	fields    = 7
	// fieldGroupID is one of /etc/group.
	fieldGroupID = 2
)

// find returns the fields of the line of a name in one of the files of accounts, and all lines.
func find(path, name string) (line []string, all [][]string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("accounts: %w", err)
	}
	for text := range strings.Lines(string(data)) {
		entry := strings.Split(strings.TrimRight(text, "\n"), ":")
		if entry[0] == name {
			line = entry
		}
		all = append(all, entry)
	}
	return line, all, nil
}

// join finds all the groups before it joins one.
func (a *Accounts) join(ctx context.Context, account *Account, groups []string) error {
	if !IsTask(account.Name) || account.UID == 0 {
		return fmt.Errorf("accounts: %q is no account of a task", account.Name)
	}
	ids := make([]uint32, 0, len(groups))
	for _, name := range groups {
		line, _, err := find("/etc/group", name)
		if err != nil {
			return err
		}
		if name == "" || len(line) <= fieldGroupID {
			return fmt.Errorf("accounts: %w: %q", ErrNoGroup, name)
		}
		id, err := strconv.ParseUint(line[fieldGroupID], 10, 32)
		if err != nil {
			return fmt.Errorf("accounts: the line of %s in /etc/group is not as it should be", name)
		}
		ids = append(ids, uint32(id))
	}
	a.files.Lock()
	defer a.files.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := tool(ctx, "", "usermod", "--append", "--groups", strings.Join(groups, ","), account.Name); err != nil {
		return err
	}
	account.Groups = append(slices.Clone(account.Groups), ids...)
	return nil
}

// takenUIDs are the user ids that have an account in this machine's own files.
func takenUIDs() (map[uint32]bool, error) {
	_, all, err := find("/etc/passwd", "")
	if err != nil {
		return nil, err
	}
	taken := map[uint32]bool{}
	for _, line := range all {
		if len(line) <= fieldUID {
			continue
		}
		if uid, err := strconv.ParseUint(line[fieldUID], 10, 32); err == nil {
			taken[uint32(uid)] = true
		}
	}
	return taken, nil
}

func (*Accounts) lookup(name string) (Account, bool, error) {
	line, _, err := find("/etc/passwd", name)
	if err != nil || line == nil || !IsTask(name) {
		return Account{}, false, err
	}
	account, ok := parse(line)
	if !ok {
		return Account{}, false, fmt.Errorf("accounts: the line of %s in /etc/passwd is not as it should be", name)
	}
	return account, true, nil
}

func (*Accounts) left(parent string) ([]Account, error) {
	_, all, err := find("/etc/passwd", "")
	if err != nil {
		return nil, err
	}
	var left []Account
	for _, line := range all {
		if account, ok := parse(line); ok && IsTask(account.Name) && filepath.Dir(account.Home) == parent {
			left = append(left, account)
		}
	}
	return left, nil
}

func parse(line []string) (Account, bool) {
	if len(line) < fields {
		return Account{}, false
	}
	uid, noUID := strconv.ParseUint(line[fieldUID], 10, 32)
	gid, noGID := strconv.ParseUint(line[fieldGID], 10, 32)
	a := Account{Name: line[0], UID: uint32(uid), GID: uint32(gid), Home: line[fieldHome]}
	return a, noUID == nil && noGID == nil && uid != 0
}
