package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/internal/archive"
)

// verb is a command that does one small thing. do gets the values of its flags, all of which are
// required, and says what to print.
type verb struct {
	name  string
	flags []string
	code  int // when it fails
	do    func(values []string) (output string, err error)
}

// verbs lists them. The public worker runs those about files as the user of a task, whose rights
// are then what counts.
func verbs() []verb {
	return []verb{
		{"new-ed25519-keypair", []string{"file"}, exitKeyPair, newEd25519},
		{"new-openpgp-keypair", []string{"file"}, exitOpenPGP, newOpenPGP},
		{"copy-to-temp-file", []string{"copy-file"}, exitCopy, copyToTemp},
		{"create-file", []string{"create-file"}, exitCreateFile, createFile},
		{"create-dir", []string{"create-dir"}, exitCreateDir, createDir},
		{"unarchive", []string{"archive-src", "archive-dst", "archive-fmt"}, exitUnarchive, unarchive},
		{"grant-winsta-access", []string{"sid"}, exitWinsta, grantWinsta},
		{"launch-agent", nil, exitLaunchAgent, launchAgent},
		{"look", []string{"what", "path"}, exitInternal, look},
	}
}

func (v verb) run(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	pointers := make([]*string, len(v.flags))
	for i, name := range v.flags {
		pointers[i] = flags.String(name, "", "")
	}
	if !parse(flags, args, stderr) {
		return exitUsage
	}
	values := make([]string, len(pointers))
	for i, p := range pointers {
		if values[i] = *p; *p == "" {
			fmt.Fprintf(stderr, "generic-worker %s: --%s is missing\n%s", v.name, v.flags[i], usage)
			return exitUsage
		}
	}
	output, err := v.do(values)
	if err != nil {
		fmt.Fprintf(stderr, "generic-worker %s: %v\n", v.name, err)
		return v.code
	}
	fmt.Fprint(stdout, output)
	return 0
}

// parse reads the flags of a command, which has nothing else. When it is false, the user has been told.
func parse(flags *flag.FlagSet, args []string, stderr io.Writer) bool {
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		fmt.Fprint(stderr, usage)
	}
	return err == nil && flags.NArg() == 0
}

// copyToTemp copies a file to a new one, whose path it prints. A pipe is refused before anything
// waits for it.
func copyToTemp(values []string) (output string, err error) {
	in, err := openNow(values[0])
	if err != nil {
		return "", err
	}
	defer in.Close()
	info, err := in.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", values[0])
	}
	if err != nil {
		return "", err
	}
	out, err := os.CreateTemp("", strings.ReplaceAll(filepath.Base(values[0]), "*", "")+".*")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return "", errors.Join(err, os.Remove(out.Name()))
	}
	return out.Name(), nil
}

func createFile(values []string) (string, error) {
	file, err := os.Create(values[0])
	if err != nil {
		return "", err
	}
	return "", file.Close()
}

func createDir(values []string) (string, error) { return "", os.MkdirAll(values[0], 0o700) }

func unarchive(values []string) (string, error) {
	return "", archive.Unpack(context.Background(), values[0], values[1], values[2])
}
