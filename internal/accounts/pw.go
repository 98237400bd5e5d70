package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
)

// pw is FreeBSD's tool for accounts.
type pw struct{ run Runner }

// pwNoUser is the exit code of pw for an account that is not there, that of sysexits(3).
const pwNoUser = 67

// list implements registry. A line is name:password:uid:gid:class:change:expire:gecos:home:shell.
func (p pw) list(ctx context.Context) ([]Account, error) {
	const nameField, uidField, gidField, homeField, fields = 0, 2, 3, 8, 10
	out, err := p.run.Run(ctx, "", "pw", "usershow", "-a")
	if err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	var all []Account
	for line := range strings.Lines(out) {
		entry := strings.Split(strings.TrimSpace(line), ":")
		if len(entry) != fields {
			return nil, fmt.Errorf("accounts: a line of pw usershow has %d fields, not %d", len(entry), fields)
		}
		uid, err := strconv.ParseUint(entry[uidField], 10, 32)
		gid, noGID := strconv.ParseUint(entry[gidField], 10, 32)
		if err = errors.Join(err, noGID); err != nil {
			return nil, fmt.Errorf("accounts: pw usershow: the ids of %s: %w", entry[nameField], err)
		}
		all = append(all, Account{Name: entry[nameField], UID: uint32(uid), GID: uint32(gid), Home: entry[homeField]})
	}
	return all, nil
}

// add implements registry. The account has a group of its own with its name; nobody can log in as it.
func (p pw) add(ctx context.Context, a Account) (uint32, error) {
	const ownerOnly = "0700"
	_, err := p.run.Run(ctx, "", "pw", "useradd", "-n", a.Name, "-u", strconv.FormatUint(uint64(a.UID), 10),
		"-d", a.Home, "-m", "-M", ownerOnly, "-s", "/bin/sh", "-h", "-")
	if err != nil {
		return 0, err //nolint:wrapcheck // says what failed
	}
	all, err := p.list(ctx)
	for _, made := range all {
		if made.Name == a.Name {
			return made.GID, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("accounts: pw made no account %s", a.Name)
	}
	return 0, err
}

// password implements registry. The password goes through standard input.
func (p pw) password(ctx context.Context, name string, password secret.String) error {
	_, err := p.run.Run(ctx, password.Reveal()+"\n", "pw", "usermod", "-n", name, "-h", "0")
	return err //nolint:wrapcheck // says what failed
}

// join implements registry.
func (p pw) join(ctx context.Context, name string, groups []string) ([]uint32, error) {
	out, err := p.run.Run(ctx, "", "pw", "groupshow", "-a")
	if err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	const idField = 2 // of name:password:gid:members
	known := map[string]string{}
	for line := range strings.Lines(out) {
		if entry := strings.Split(strings.TrimSpace(line), ":"); len(entry) > idField {
			known[entry[0]] = entry[idField]
		}
	}
	ids, err := idsOf(known, groups)
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		if _, err := p.run.Run(ctx, "", "pw", "groupmod", "-n", group, "-m", name); err != nil {
			return nil, err //nolint:wrapcheck // says what failed
		}
	}
	return ids, nil
}

// remove implements registry. pw takes the account out of all groups, and deletes its own.
func (p pw) remove(ctx context.Context, name string) error {
	_, err := p.run.Run(ctx, "", "pw", "userdel", "-n", name)
	if told := new(ToolError); errors.As(err, &told) && told.Code == pwNoUser {
		return nil
	}
	return err //nolint:wrapcheck // says what failed
}
