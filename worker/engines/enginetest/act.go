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
	"runtime"
	"strings"
	"time"
)

// Act is what a command does, in the order of the fields.
type Act struct {
	Deaf   bool   // it does not end when it is asked to
	Leave  *Act   // a process that it starts and leaves running, with the same output
	Detach bool   // that process has a session of its own
	Bare   bool   // that process has no environment, and another working directory
	Crowd  int    // so many more that it leaves, which sleep
	Pid    string // a file that gets its process id
	Print  string // to standard output
	Times  int    // how often, if not once
	Say
	Make
	Await string // a file that it waits for
	Eat   int64  // bytes of memory that it fills
	Stop  bool   // it stops, and goes on when it is told to
	Sleep time.Duration
	Pause time.Duration // between being asked to end, or the end of Sleep, and Last
	Last  string        // it prints before it ends of itself or is asked to
	Crash bool          // it is killed by a signal
	Exit  int
}

// Say is what else an act prints.
type Say struct {
	Err   string   // to standard error
	Args  bool     // its further arguments, one a line
	Env   []string // variables, NAME=value each
	Where bool     // its working directory
	Input bool     // what its standard input holds
	Line  bool     // nothing, but it reads a line of its standard input
	Size  bool     // the columns and rows of the terminal that controls it
	Held  string   // whether it has a descriptor of this name
	Read  string   // the text of a file
	Get   string   // the reply of a URL, in which $NAME is a variable
}

// Make is what an act leaves in the file system.
type Make struct {
	Files  map[string]string // with their text
	Sparse map[string]int64  // with their size; all but the last byte is a hole
	Links  map[string]string // symbolic links, with what they lead to
	Hard   map[string]string // further names of files; where they are refused it says so
	Pipes  []string
	Closed []string // files that nobody may read any more; it says so when it can all the same
}

// flag is the first argument of this program when it is to act.
const flag = "enginetest-act"

// held is the variable with the name of a descriptor that this process has, and tasks must not have.
const held = "ENGINETEST_HELD"

// failed is the exit code of an act that could not be performed.
const failed = 99

// Main is to be called first by TestMain of a package that runs the suite: the commands that
// the suite runs are the test's own program. It returns when this process is the test.
func Main() {
	if len(os.Args) < 3 || os.Args[1] != flag {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second to end under the race detector
		_ = os.Setenv(held, inherit())
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
		os.Exit(failed)
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
	for _, step := range []func() error{a.leave, a.crowd, a.announce, a.print, a.Say.perform, a.Make.perform, a.await, a.eat} {
		if err := step(); err != nil {
			return err
		}
	}
	if a.Stop {
		stop()
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

// await waits for a file.
func (a Act) await() error {
	for begin := time.Now(); a.Await != ""; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(a.Await); err == nil || time.Since(begin) > patience {
			return err
		}
	}
	return nil
}

// announce writes the file with the process id, complete at once for whoever waits for it.
func (a Act) announce() error {
	if a.Pid == "" {
		return nil
	}
	if err := os.WriteFile(a.Pid+".new", fmt.Append(nil, os.Getpid()), 0o600); err != nil {
		return err
	}
	return os.Rename(a.Pid+".new", a.Pid)
}

func (a Act) leave() error {
	if a.Leave == nil {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	for heir := a.Leave; heir != nil; heir = heir.Leave { // which may be in another directory
		if heir.Pid != "" && !filepath.IsAbs(heir.Pid) {
			heir.Pid = filepath.Join(dir, heir.Pid)
		}
	}
	argv := a.Leave.command(program)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if a.Detach {
		detach(cmd)
	}
	if a.Bare {
		cmd.Env, cmd.Dir = []string{}, filepath.VolumeName(program)+string(filepath.Separator)
	}
	return cmd.Start()
}

func (a Act) crowd() error {
	for range a.Crowd {
		if err := (Act{Leave: &Act{Sleep: time.Hour}}).leave(); err != nil {
			return err
		}
	}
	return nil
}

func (a Act) print() error {
	text := strings.Repeat(a.Print, max(1, min(a.Times, 1024)))
	for range max(1, a.Times/1024) {
		if _, err := io.WriteString(os.Stdout, text); err != nil {
			return err
		}
	}
	return nil
}

// eat fills memory, each page of it.
func (a Act) eat() error {
	const step = 1 << 20
	var kept [][]byte
	for size := int64(0); size < a.Eat; size += step {
		block := make([]byte, step)
		for i := 0; i < step; i += 1024 {
			block[i] = 1
		}
		kept = append(kept, block)
	}
	runtime.KeepAlive(kept)
	return nil
}
