package files

import "errors"

// modesCount says that the mode of a new file decides who may use it; here access lists do.
const modesCount = false

var errNoOwners = errors.New("files cannot be given to others on Windows")

func userID(string) (string, error) { return "", errNoOwners }

func groupID(string) (string, error) { return "", errNoOwners }
