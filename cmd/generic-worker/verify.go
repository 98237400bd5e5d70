package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/workerkit/workerkit/internal/cot"
)

// verify is the command "verify": it checks a certificate that was downloaded, and the artifacts
// beside it.
func verify(flags *flag.FlagSet, args []string, stdout, stderr io.Writer) int {
	key := flags.String("key", "", "")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	var lacking string
	switch {
	case *key == "":
		lacking = "--key is missing: the public key in base64, as new-ed25519-keypair prints it, or a file with it"
	case flags.NArg() != 1:
		lacking = "it takes one folder, with the artifacts under their names"
	}
	if lacking != "" {
		fmt.Fprintf(stderr, "generic-worker verify: %s\n\n%s", lacking, usage)
		return exitUsage
	}
	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt)
	defer done()
	if err := verifySet(ctx, *key, flags.Arg(0), stdout); err != nil {
		fmt.Fprintln(stderr, "generic-worker verify:", err)
		return exitUnverified
	}
	return 0
}

// verifySet prints a line for each artifact. Its error says that not all is as it should be.
func verifySet(ctx context.Context, key, dir string, stdout io.Writer) error {
	public, err := cot.PublicKey(key)
	if err != nil { // then it is a file
		text, readErr := os.ReadFile(key)
		if readErr != nil {
			return fmt.Errorf("--key must be the base64 of a public key, or a file with it: %w", readErr)
		}
		if public, err = cot.PublicKey(string(text)); err != nil {
			return err //nolint:wrapcheck // says what is wrong
		}
	}
	certificate, err := cot.ReadSet(public, dir)
	if err != nil {
		return err //nolint:wrapcheck // says what is wrong
	}
	fmt.Fprintf(stdout, "task %s/%d, run by %s/%s\n", shown(certificate.TaskID), certificate.RunID, shown(certificate.WorkerGroup), shown(certificate.WorkerID))
	found, err := certificate.Check(ctx, dir)
	bad := 0
	for _, f := range found {
		line := fmt.Sprintf("%-8s %s", f.Verdict, shown(f.Name))
		if f.Verdict != cot.OK {
			bad++
		}
		if f.Detail != "" {
			line += ": " + f.Detail
		}
		fmt.Fprintln(stdout, line)
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of %d artifacts are missing or wrong", bad, len(found))
	}
	return err //nolint:wrapcheck // the cause of the context's end
}

// shown is a text from elsewhere, which is not to move the cursor.
func shown(text string) string {
	if quoted := fmt.Sprintf("%q", text); strings.Trim(quoted, `"`) != text {
		return quoted
	}
	return text
}
