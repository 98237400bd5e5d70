package files

import (
	"fmt"
	"strconv"
)

// ids are whom a file is given to; -1 is nobody new.
type ids struct{ user, group int }

// find looks up an owner and a group, each a name, a number or "".
func find(owner, group string) (ids, error) {
	user, err := id(owner, userID)
	if err != nil {
		return ids{}, fmt.Errorf("the owner %q: %w", owner, err)
	}
	members, err := id(group, groupID)
	if err != nil {
		return ids{}, fmt.Errorf("the group %q: %w", group, err)
	}
	return ids{user, members}, nil
}

func id(name string, look func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil && modesCount {
		return int(n), nil
	}
	text, err := look(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// give calls chown when there is somebody to give to.
func (i ids) give(chown func(user, group int) error) error {
	if i.user < 0 && i.group < 0 {
		return nil
	}
	return chown(i.user, i.group)
}
