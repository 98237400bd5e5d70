// Command release makes a release of this repository: archives and packages for every platform,
// checksums, bills of materials and the list of licences. It also checks one, and checks that the
// same commit always makes the same bytes. See docs/release.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/workerkit/workerkit/packaging/release/signing"
)

const usage = `usage: release build [flags]                makes a release
       release check [flags]                makes it twice and compares every byte
       release sign DIR                     signs the checksums of a release that is there already
       release verify DIR -key PUBLIC       checks the checksums of a release, and who signed it
       release verify DIR -unsigned         checks the checksums alone

SIGN_DARWIN and SIGN_WINDOWS are commands that sign one program, whose path is the last argument.
SIGN_KEY is the file of the ed25519 key that signs the checksums.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code) //nolint:forbidigo // this is main
}

// command is main without the process: it returns the exit code.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	verbs := map[string]func(context.Context, []string, io.Writer, io.Writer) error{"build": build, "check": check, "sign": sign, "verify": verify}
	if len(args) == 0 || verbs[args[0]] == nil {
		fmt.Fprint(stderr, usage)
		return 2
	}
	err := verbs[args[0]](ctx, args[1:], stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "release:", err)
		return 1
	}
	return 0
}

// flags are those of build and check.
type flags struct {
	*flag.FlagSet
	version, platforms, nfpm string
	dirty                    bool
}

func newFlags(verb string, stderr io.Writer) *flags {
	f := &flags{FlagSet: flag.NewFlagSet("release "+verb, flag.ContinueOnError)}
	f.SetOutput(stderr)
	f.StringVar(&f.version, "version", "", "the `version`, like 1.2.3; from the newest tag when empty")
	f.StringVar(&f.platforms, "platforms", "", "only these, like `linux/amd64,windows/amd64`; all when empty")
	f.StringVar(&f.nfpm, "nfpm", "", "the `program` that makes the packages for Linux; none when empty")
	f.BoolVar(&f.dirty, "dirty", false, "also from a tree that differs from its commit; the version says so")
	return f
}

// parse reads flags that no other arguments follow.
func (f *flags) parse(args []string) error {
	if err := f.Parse(args); err != nil {
		return flag.ErrHelp // it has been said
	}
	if f.NArg() > 0 {
		return fmt.Errorf("what is %q for?", f.Arg(0))
	}
	return nil
}

func build(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := newFlags("build", stderr)
	out := f.String("out", "", "the `folder` to make; dist/VERSION when empty")
	if err := f.parse(args); err != nil {
		return err
	}
	chosen, err := selected(f.platforms)
	if err != nil {
		return err
	}
	o := order{
		repository: ".", out: *out, version: f.version, dirty: f.dirty, platforms: chosen, nfpm: f.nfpm,
		key: os.Getenv("SIGN_KEY"), progress: stderr, hooks: map[string]signing.Hook{},
	}
	for system, variable := range map[string]string{"darwin": "SIGN_DARWIN", "windows": "SIGN_WINDOWS"} {
		o.hooks[system] = signing.Hook{Variable: variable, Command: os.Getenv(variable), Output: stderr}
	}
	if o.nfpm == "" {
		fmt.Fprintln(stderr, "without -nfpm no packages for Linux are made")
	} else if o.nfpm, err = filepath.Abs(o.nfpm); err != nil {
		return err
	}
	made, err := o.make(ctx)
	if err != nil {
		return err
	}
	return sizes(stdout, made)
}

// sizes prints how large each file of a release is.
func sizes(stdout io.Writer, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	const mebibyte = 1 << 20
	var sum float64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		size := float64(info.Size()) / mebibyte
		fmt.Fprintf(stdout, "%8.2f MiB  %s\n", size, e.Name())
		sum += size
	}
	fmt.Fprintf(stdout, "%8.2f MiB  %s\n", sum, dir)
	return nil
}

// sign signs a release that was made without the key.
func sign(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("release sign", flag.ContinueOnError)
	f.SetOutput(stderr)
	dir, err := folder(f, args)
	if err != nil {
		return err
	}
	key := os.Getenv("SIGN_KEY")
	if key == "" {
		return errors.New("sign wants the file of the key in SIGN_KEY")
	}
	if err := signing.Check(dir); err != nil { // a signature vouches for the files too
		return err
	}
	return signWith(key, dir, stdout)
}

// signWith signs the checksums of a folder with the key in a file, and says who can check that.
func signWith(path, dir string, said io.Writer) error {
	key, err := signing.LoadKey(path)
	if err != nil {
		return err
	}
	public, err := signing.Sign(dir, key)
	if err != nil {
		return err
	}
	fmt.Fprintln(said, "signed; the public key is", public)
	return nil
}

// folder reads the flags and the folder of a release, which may come first.
func folder(f *flag.FlagSet, args []string) (string, error) {
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		args = append(args[1:len(args):len(args)], args[0])
	}
	if err := f.Parse(args); err != nil {
		return "", flag.ErrHelp
	}
	if f.NArg() != 1 || f.Arg(0) == "" {
		return "", fmt.Errorf("%s wants the folder of one release", f.Name())
	}
	return f.Arg(0), nil
}

func verify(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("release verify", flag.ContinueOnError)
	f.SetOutput(stderr)
	public := f.String("key", "", "the public `key` in base64, or a file with it")
	unsigned := f.Bool("unsigned", false, "the checksums are enough, whoever made them")
	dir, err := folder(f, args)
	if err != nil {
		return err
	}
	verdict := "as its checksums say, whoever made them"
	if *public != "" {
		verdict = "as it was signed"
		key, err := signing.PublicKey(*public)
		if err == nil {
			err = signing.Verify(dir, key)
		}
		if err != nil {
			return err
		}
	}
	if err := signing.Check(dir); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %s\n", dir, verdict)
	if *public == "" && !*unsigned {
		return errors.New("who made it has not been checked: say -key, or -unsigned if that is enough")
	}
	return nil
}
