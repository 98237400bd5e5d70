package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/workerkit/workerkit/local/proof"
)

// brokenPatience is how long a machine that will never claim is given to do so.
const brokenPatience = "90s"

// proveBroken takes the worker off the disk: it boots, never claims, and that must be found out.
func proveBroken(ctx context.Context, o options, disk, dir string) error {
	broken := filepath.Join(dir, "broken.qcow2")
	if err := proof.Edit(ctx, disk, broken, "rm /usr/local/bin/generic-worker"); err != nil {
		return err
	}
	_, err := mustFail(ctx, o, nil, []string{proof.ErrNeverClaimed.Error(), "claimWork never asked"},
		"boot", o.image, "--as", "aws", "--disk", broken, "--output", filepath.Join(dir, "broken"), "--patience", brokenPatience)
	return errors.Join(err, os.Remove(broken))
}

// provePlanted leaves a secret of the build on the disk, in a file and in one that was deleted
// again: both must be found, and not shown.
func provePlanted(ctx context.Context, o options, disk, dir string) error {
	token, file, planted := rand.Text(), filepath.Join(dir, "token"), filepath.Join(dir, "planted.qcow2")
	// Longer than what ext4 keeps in an inode, so that a deleted file leaves a block.
	content := strings.Repeat("# nothing but a comment\n", 40) + "token = " + token + "\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return err
	}
	err := proof.Edit(ctx, disk, planted, "write "+file+" /opt/kept", "write "+file+" /opt/gone", "rm /opt/gone")
	if err != nil {
		return err
	}
	printed, err := mustFail(ctx, o, []string{"IMAGETEST_TOKEN=" + token},
		[]string{"/opt/kept: secret env:IMAGETEST_TOKEN", "(a deleted file): secret env:IMAGETEST_TOKEN", "hygiene: /opt/kept"},
		"test", o.image, "--only", "hygiene,secrets", "--disk", planted, "--output", filepath.Join(dir, "planted"))
	if strings.Contains(printed, token) {
		err = errors.Join(err, errors.New("worker-images shows the secret that it has found"))
	}
	return errors.Join(err, os.Remove(planted), os.Remove(file))
}
