package accounts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/workerkit/workerkit/internal/private"
	"github.com/workerkit/workerkit/internal/secret"
)

// User is an account as the public worker's files next-task-user.json and current-task-user.json
// have it.
type User struct {
	Name     string
	Password secret.String
}

type userFile struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// ReadUser reads a user file; ok is false when there is none.
func ReadUser(path string) (u User, ok bool, err error) {
	data, _, err := private.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return User{}, false, nil
	}
	var file userFile
	if err == nil {
		if json.Unmarshal(data, &file) != nil { // whose error may quote the password
			err = errors.New("it is no JSON object with a name and a password")
		}
	}
	if err != nil {
		return User{}, false, fmt.Errorf("accounts: read %s: %w", path, err)
	}
	return User{Name: file.Name, Password: secret.New(file.Password)}, true, nil
}

// WriteUser replaces a user file by one that only this process's user can read.
func WriteUser(path string, u User) error {
	data, err := json.Marshal(userFile{Name: u.Name, Password: u.Password.Reveal()})
	if err == nil {
		err = private.Write(path, data)
	}
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	return nil
}
