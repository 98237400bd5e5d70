package proc

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// A command as another user has its output, environment, directory and exit code, and is in its tree.
func TestStartAs(t *testing.T) {
	var own, token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.MAXIMUM_ALLOWED, &own); err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := windows.DuplicateTokenEx(own, windows.MAXIMUM_ALLOWED, nil, windows.SecurityImpersonation, windows.TokenPrimary, &token); err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	dir := t.TempDir()
	tree, err := New(slog.New(slog.DiscardHandler)).Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	env := append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "=") }), "OWN=of this command")
	p, err := tree.Start(Command{
		Path: os.Getenv("ComSpec"), Line: `cmd.exe /D /C "echo %OWN%& cd& exit 3"`, Dir: dir, Env: env, Output: w,
		User: &User{Token: uintptr(token)},
	})
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(out)
	state, failed := p.Wait()
	if err != nil || failed != nil || state.ExitCode() != 3 {
		t.Errorf("%v, %v, %v", state, err, failed)
	}
	if lines := strings.Fields(string(text)); !strings.HasPrefix(string(text), "of this command") || len(lines) < 4 || !strings.EqualFold(lines[3], dir) {
		t.Errorf("output %q", text)
	}
	p, err = tree.Start(Command{Path: os.Getenv("ComSpec"), Line: `cmd.exe /D /C "ping -n 1000 127.0.0.1"`, Dir: dir, Env: env, User: &User{Token: uintptr(token)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Kill(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if state, err := p.Wait(); err != nil || state.Success() {
		t.Errorf("%v, %v", state, err)
	}
	if _, err := tree.Start(Command{Path: `C:\nothing.exe`, User: &User{Token: uintptr(token)}}); err == nil {
		t.Error("what is not there was started")
	}
}

// End ends what a command has started, and nothing else of the tree; members are known.
func TestEndOnWindows(t *testing.T) {
	tree, err := New(slog.New(slog.DiscardHandler)).Open(Options{Limits: Limits{Memory: 1 << 30, Processes: 100, CPUWeight: 50}})
	if err != nil {
		t.Fatal(err)
	}
	shell := Command{Path: os.Getenv("ComSpec"), Line: `cmd.exe /D /C "ping -n 1000 127.0.0.1 >nul"`, Env: os.Environ()}
	var started []*Process
	for range 2 {
		p, err := tree.Start(shell)
		if err != nil {
			t.Fatal(err)
		}
		started = append(started, p)
	}
	var all []int
	for deadline := time.Now().Add(20 * time.Second); len(all) < 4 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		all = tree.Members()
	}
	if len(all) < 4 || !slices.Contains(all, started[0].PID()) || tree.Usage().Memory == 0 {
		t.Fatalf("members %v, %+v", all, tree.Usage())
	}
	for range 2 {
		if err := started[0].End(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := started[0].Wait(); err != nil || state.Success() {
		t.Errorf("%v, %v", state, err)
	}
	// Of each shell there is the same: its ping and, in Windows, its console.
	if left := tree.Members(); len(left) > len(all)/2 || !slices.Contains(left, started[1].PID()) {
		t.Errorf("members %v of %v", left, all)
	}
	if err := tree.Kill(t.Context(), 0); err != nil {
		t.Error(err)
	}
	_, _ = started[1].Wait()
	for range 2 {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	}
	if tree.Kill(t.Context(), 0) != nil || started[1].End(t.Context()) != nil || len(tree.Members()) > 0 {
		t.Error("a closed tree has processes")
	}
}

func TestBlock(t *testing.T) {
	text := block([]string{"b=2", "A=0", "=D:=d", "nothing", "", "a=1", "a_b=3", "=C:=c"})
	want := []byte("=C:=c\x00=D:=d\x00a=1\x00a_b=3\x00b=2\x00\x00")
	var got []byte
	for _, c := range text {
		got = append(got, byte(c))
	}
	if !bytes.Equal(got, want) || len(block(nil)) != 2 {
		t.Errorf("%q, want %q", got, want)
	}
}
