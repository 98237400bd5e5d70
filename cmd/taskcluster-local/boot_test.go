package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/local/proof"
)

func TestBootChecksItsCommandLine(t *testing.T) {
	for as, code := range map[string]int{"": exitMisused, "ec2": exitMisused, "aws": 1} {
		b := booting{Options: proof.Options{Disk: filepath.Join(t.TempDir(), "none"), As: as}}
		if got := exitCode(b.check()); got != code {
			t.Errorf("--as %q without a disk: exit code %d, want %d", as, got, code)
		}
	}
	exit, ok := errors.AsType[*exitError]((&booting{}).check())
	if !ok || !strings.Contains(exit.Error(), "aws, gcp, azure, static") {
		t.Errorf("error %v", exit)
	}
}

func TestBootReport(t *testing.T) {
	var out, problems bytes.Buffer
	report(&out, &problems, proof.Result{As: "aws", Verdict: proof.Proven, Accelerator: "tcg", Took: 61.5, Network: 50, ClaimAfterNetwork: 1.5})
	if want := "proven as aws in 61.5 s (tcg); first claim 1.50 s after the guest's network\n"; out.String() != want || problems.Len() > 0 {
		t.Errorf("%q and %q, want %q", out.String(), problems.String(), want)
	}
	out.Reset()
	report(&out, &problems, proof.Result{As: "aws", Verdict: proof.NeverClaimed, Console: []string{"last words"}})
	if out.Len() > 0 || problems.String() != "  | last words\n" {
		t.Errorf("%q and %q", out.String(), problems.String())
	}
}
