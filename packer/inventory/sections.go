package inventory

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// section is how the lines of a section are read.
type section struct {
	name    string
	columns int
	unique  int // how many columns, the first ones, name what a line is about
	add     func(*Inventory, []string) error
}

func sections() []section {
	return []section{
		{"system", 2, 1, addSystem},
		{"packages", 6, 3, addPackage},
		{"services", 2, 1, addService},
		{"files", 4, 1, addFile},
		{"folders", 2, 1, addFolder},
		{"versions", 2, 1, addVersion},
		{"tests", 3, 1, addTest},
	}
}

func addSystem(i *Inventory, c []string) (err error) {
	switch c[0] {
	case "name":
		i.System = c[1]
	case "kernel":
		i.Kernel = c[1]
	case "taken":
		i.Taken, err = time.Parse(time.RFC3339, c[1])
	default:
		err = errors.New("this is not known here")
	}
	return err
}

func addPackage(i *Inventory, c []string) error {
	bytes, err := number(c[3])
	if c[1] == "" {
		err = errors.New("the version is missing")
	}
	i.Packages = append(i.Packages, Package{Name: c[0], Version: c[1], Arch: c[2], Bytes: bytes, Source: c[4], Licence: c[5]})
	return err
}

func addService(i *Inventory, c []string) error {
	if c[1] == "" {
		return errors.New("the state is missing")
	}
	i.Services = append(i.Services, Service{Name: c[0], State: c[1]})
	return nil
}

func addFile(i *Inventory, c []string) error {
	bytes, err := number(c[1])
	switch {
	case err != nil:
		return err
	case !only(c[2], 4, "01234567"):
		return fmt.Errorf("%q is no mode", c[2])
	case !only(c[3], 64, "0123456789abcdef"):
		return fmt.Errorf("%q is no sha256", c[3])
	}
	i.Files = append(i.Files, File{Path: c[0], Bytes: bytes, Mode: c[2], SHA256: c[3]})
	return nil
}

// only tells whether a text has a length, and no other characters than those.
func only(text string, length int, characters string) bool {
	return len(text) == length && strings.Trim(text, characters) == ""
}

func addFolder(i *Inventory, c []string) (err error) {
	if i.Folders == nil {
		i.Folders = map[string]int64{}
	}
	i.Folders[c[0]], err = number(c[1])
	return err
}

func addVersion(i *Inventory, c []string) error {
	if i.Versions == nil {
		i.Versions = map[string]string{}
	}
	i.Versions[c[0]] = c[1]
	return nil
}

func addTest(i *Inventory, c []string) error {
	took, err := strconv.ParseFloat(c[2], 64)
	switch {
	case err != nil || took < 0 || math.IsInf(took, 0) || math.IsNaN(took):
		return fmt.Errorf("%q is no number of seconds", c[2])
	case c[1] != "passed" && c[1] != "failed":
		return fmt.Errorf("%q is neither passed nor failed", c[1])
	}
	i.Tests = append(i.Tests, Test{Name: c[0], Passed: c[1] == "passed", Took: took})
	return nil
}

func number(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of bytes", text)
	}
	return int64(n), nil //nolint:gosec // has 63 bits
}
