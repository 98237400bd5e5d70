package enginetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// Act is what a command does, in the order of the fields.
type Act struct {
	Deaf   bool              // it does not end when it is asked to
	Leave  *Act              // a process that it starts and leaves running, with the same output
	Detach bool              // that process has a session of its own
	Pid    string            // a file that gets its process id
	Print  string            // to standard output
	Times  int               // how often, if not once
	Err    string            // to standard error
	Env    []string          // variables that it prints, NAME=value each
	Where  bool              // it prints its working directory
	Input  bool              // it prints what its standard input holds
	Files  map[string]string // that it makes, with their text
	Sleep  time.Duration
	Pause  time.Duration // between being asked to end, or the end of Sleep, and Last
	Last   string        // it prints before it ends of itself or is asked to
	Crash  bool          // it is killed by a signal
	Exit   int
}

// flag is the first argument of this program when it is to act.
const flag = "enginetest-act"

// Main is to be called first by TestMain of a package that runs the suite: the commands that
// the suite runs are the test's own program. It returns when this process is the test.
func Main() {
	if len(os.Args) != 3 || os.Args[1] != flag {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second to end under the race detector
		return
	}
	var act Act
	text, err := base64.RawURLEncoding.DecodeString(os.Args[2])
	if err == nil {
		err = json.Unmarshal(text, &act)
	}
	if err == nil {
		err = act.perform()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
		os.Exit(99)
	}
	os.Exit(act.Exit)
}

// command is the command line that performs the act. No character of it means anything to a shell.
func (a Act) command(program string) []string {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return []string{program, flag, base64.RawURLEncoding.EncodeToString(text)}
}

func (a Act) perform() error {
	asked := make(chan os.Signal, 1)
	if a.Deaf || a.Last != "" {
		listen(asked)
	}
	if a.Leave != nil {
		if err := a.leave(); err != nil {
			return err
		}
	}
	if a.Pid != "" {
		// complete at once for whoever waits for the file
		if err := os.WriteFile(a.Pid+".new", fmt.Append(nil, os.Getpid()), 0o600); err != nil {
			return err
		}
		if err := os.Rename(a.Pid+".new", a.Pid); err != nil {
			return err
		}
	}
	if err := a.say(); err != nil {
		return err
	}
	for path, text := range a.Files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	for timer := time.After(a.Sleep); timer != nil; {
		select {
		case <-timer:
			timer = nil
		case <-asked:
			if !a.Deaf {
				timer = nil
			}
		}
	}
	time.Sleep(a.Pause)
	signal.Stop(asked)
	fmt.Print(a.Last)
	if a.Crash {
		crash()
	}
	return nil
}

func (a Act) leave() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	argv := a.Leave.command(program)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if a.Detach {
		detach(cmd)
	}
	return cmd.Start()
}

func (a Act) say() error {
	text := strings.Repeat(a.Print, max(1, min(a.Times, 1024)))
	for range max(1, a.Times/1024) {
		if _, err := io.WriteString(os.Stdout, text); err != nil {
			return err
		}
	}
	fmt.Fprint(os.Stderr, a.Err)
	for _, name := range a.Env {
		value, set := os.LookupEnv(name)
		if !set {
			value = "(not set)"
		}
		fmt.Printf("%s=%s\n", name, value)
	}
	if a.Where {
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		fmt.Println(dir)
	}
	if a.Input {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		fmt.Printf("%q\n", text)
	}
	return nil
}
