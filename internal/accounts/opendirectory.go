package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/workerkit/workerkit/internal/secret"
)

// openDirectory is the local directory of macOS, as dscl sees it. Since macOS 10.15 the system lets
// only programs delete accounts that have Full Disk Access.
type openDirectory struct{ run Runner }

// staff is the group of all people on macOS; home directories are closed to it.
const staff = 20

// list implements registry.
func (d openDirectory) list(ctx context.Context) ([]Account, error) {
	uids, err := d.column(ctx, "/Users", "UniqueID")
	if err != nil {
		return nil, err
	}
	homes, err := d.column(ctx, "/Users", "NFSHomeDirectory")
	if err != nil {
		return nil, err
	}
	groups, err := d.column(ctx, "/Users", "PrimaryGroupID")
	if err != nil {
		return nil, err
	}
	var all []Account
	for name, text := range uids {
		uid, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("accounts: the user id of %s is %q", name, text)
		}
		gid, _ := strconv.ParseInt(groups[name], 10, 64)                                              // a half-made account has none
		all = append(all, Account{Name: name, UID: uint32(uid), GID: uint32(gid), Home: homes[name]}) //nolint:gosec // that of nobody is -2
	}
	return all, nil
}

// column asks for one property of all records: each line has a name and a value.
func (d openDirectory) column(ctx context.Context, path, key string) (map[string]string, error) {
	out, err := d.run.Run(ctx, "", "dscl", ".", "-list", path, key)
	if err != nil {
		return nil, err //nolint:wrapcheck // says what failed
	}
	values := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if value = strings.TrimSpace(value); name != "" && value != "" {
			values[name] = value
		}
	}
	return values, nil
}

// add implements registry. The home directory is made from the system's template.
func (d openDirectory) add(ctx context.Context, a Account) (uint32, error) {
	path := "/Users/" + a.Name
	for _, args := range [][]string{
		{path},
		{path, "UniqueID", strconv.FormatUint(uint64(a.UID), 10)},
		{path, "PrimaryGroupID", strconv.Itoa(staff)},
		{path, "NFSHomeDirectory", a.Home},
		{path, "UserShell", "/bin/bash"},
		{path, "RealName", a.Name},
	} {
		if _, err := d.run.Run(ctx, "", "dscl", append([]string{".", "-create"}, args...)...); err != nil {
			return 0, err //nolint:wrapcheck // says what failed
		}
	}
	_, err := d.run.Run(ctx, "", "createhomedir", "-c", "-u", a.Name)
	return staff, err //nolint:wrapcheck // says what failed
}

// password implements registry. dscl takes the password as an argument only; macOS shows those of
// root's processes to root alone.
func (d openDirectory) password(ctx context.Context, name string, password secret.String) error {
	_, err := d.run.Run(ctx, "", "dscl", ".", "-passwd", "/Users/"+name, password.Reveal())
	return err //nolint:wrapcheck // says what failed
}

// join implements registry.
func (d openDirectory) join(ctx context.Context, name string, groups []string) ([]uint32, error) {
	known, err := d.column(ctx, "/Groups", "PrimaryGroupID")
	if err != nil {
		return nil, err
	}
	ids, err := idsOf(known, groups)
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		if _, err := d.run.Run(ctx, "", "dseditgroup", "-o", "edit", "-a", name, "-t", "user", group); err != nil {
			return nil, err //nolint:wrapcheck // says what failed
		}
	}
	return ids, nil
}

// idsOf are the ids of groups.
func idsOf(known map[string]string, groups []string) ([]uint32, error) {
	ids := make([]uint32, 0, len(groups))
	for _, group := range groups {
		text, ok := known[group]
		if !ok {
			return nil, fmt.Errorf("accounts: %w: %q", ErrNoGroup, group)
		}
		id, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("accounts: the id of the group %s is %q", group, text)
		}
		ids = append(ids, uint32(id))
	}
	return ids, nil
}

// remove implements registry. Groups keep the names of members that are gone, so they are told.
func (d openDirectory) remove(ctx context.Context, name string) error {
	groups, err := d.column(ctx, "/Groups", "GroupMembership")
	for group, members := range groups {
		if slices.Contains(strings.Fields(members), name) {
			_, failed := d.run.Run(ctx, "", "dseditgroup", "-o", "edit", "-d", name, "-t", "user", group)
			err = errors.Join(err, failed)
		}
	}
	_, failed := d.run.Run(ctx, "", "dscl", ".", "-delete", "/Users/"+name)
	if told := new(ToolError); errors.As(failed, &told) && strings.Contains(told.Said, "eDSRecordNotFound") {
		failed = nil
	}
	if told := new(ToolError); errors.As(failed, &told) && strings.Contains(told.Said, "eDSPermissionError") {
		failed = fmt.Errorf("%w: give the program that starts the worker Full Disk Access", failed)
	}
	return errors.Join(err, failed)
}
