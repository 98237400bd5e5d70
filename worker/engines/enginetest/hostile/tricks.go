//go:build unix

package hostile

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/workerkit/workerkit/internal/proc"
	"github.com/workerkit/workerkit/worker/engines"
)

// tricks are all that are tried.
func tricks() []trick { return slices.Concat(reading(), files(), staying(), attacks()) }

// reading are those for what is the worker's.
func reading() []trick {
	return []trick{
		{name: "configuration and journal", isolated: true, script: `cat "$CLOSED/config" "$CLOSED/journal" "$CLOSED/readable"; ls "$CLOSED" && echo BROKEN: entered; :`},
		{name: "the worker's process", isolated: true, script: `
			for file in environ maps auxv stack syscall io; do cat /proc/$WORKER/$file > got 2> /dev/null && [ -s got ] && echo BROKEN: $file; done
			for file in cwd root fd exe; do ls /proc/$WORKER/$file/ > /dev/null 2>&1 && echo BROKEN: $file; done
			cat /proc/$WORKER/fd/* /proc/$WORKER/cwd/*
			head -c 1 /proc/$WORKER/mem && echo BROKEN: mem; :`},
		{name: "ptrace", isolated: true, script: `
			case $(uname -m) in x86_64) call=101;; aarch64) call=117;; *) exit 0;; esac
			perl -e 'print "BROKEN: attached\n" if syscall($ARGV[0] + 0, 0x4206, $ARGV[1] + 0, 0, 0) == 0' $call $WORKER; :`},
		{name: "descriptors", script: `
			for fd in /proc/self/fd/*; do
				case $(readlink $fd) in *readable|*config|*journal|*hostile*worker*|socket:*) echo BROKEN: $fd;; esac
			done
			read line && echo BROKEN: there is input; :`},
		{name: "the worker's output", isolated: true, script: `
			for fd in 0 1 2 3 4 5 6 7 8 9; do (echo from the task > /proc/$WORKER/fd/$fd) 2> /dev/null && echo BROKEN: $fd; done; :`},
	}
}

// files are those that the worker is to open for the task, or to fall over.
func files() []trick {
	return []trick{
		{name: "symbolic links", isolated: true, script: `
			ln -s "$CLOSED/config" link; ln -s "$CLOSED" dir; ln -s dir/readable deep; mkdir out; ln -s "$CLOSED/config" "$CLOSED/readable" out
			for fd in 3 4 5 6 7 8 9 10 11 12; do ln -s /proc/$WORKER/fd/$fd fd$fd; ln -s /proc/self/fd/$fd self$fd; done`,
			after: func(t *testing.T, s *scene) {
				s.keeps(t, "link", "deep", "dir/config", "dir/readable", "out/config", "out/readable")
				for fd := range 13 {
					s.keeps(t, "fd"+strconv.Itoa(fd), "self"+strconv.Itoa(fd))
				}
				s.keepsDirs(t, "dir", "out", ".")
			}},
		{name: "hard links", isolated: true, script: `ln "$CLOSED/config" hard && echo BROKEN: linked; :`,
			after: func(t *testing.T, s *scene) { s.keeps(t, "hard") }},
		{name: "pipes, sockets and devices", script: `
			mkfifo pipe; mkdir out; mkfifo out/pipe; ln -s ../pipe out/link; ln -s /dev/zero zero; ln -s /dev/tty tty
			perl -e 'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("socket"))'; :`,
			after: func(t *testing.T, s *scene) {
				for _, name := range []string{"pipe", "zero", "out/pipe", "out/link"} {
					if _, err := s.read(t, name); !errors.Is(err, engines.ErrWrongKind) {
						t.Errorf("%s: %v", name, err)
					}
				}
				s.keeps(t, "tty", "socket")
				if found := s.walk(t, "out"); len(found) > 0 {
					t.Errorf("found %q", found)
				}
			}},
		{name: "device nodes", isolated: true, script: `mknod memory c 1 1 && echo BROKEN: made a device; mknod disk b 8 0 && echo BROKEN: made a disk; :`},
		{name: "a huge file", script: `truncate -s 1T huge || truncate -s 1G huge`,
			after: func(t *testing.T, s *scene) {
				if text, err := s.read(t, "huge"); err != nil || len(text) != 1<<20 {
					t.Errorf("read %d bytes: %v", len(text), err)
				}
			}},
		{name: "a directory that turns into a link", script: `
			mkdir -p out/sub; echo fine > out/sub/file
			(while :; do mv out/sub out/aside; ln -s "$CLOSED" out/sub; rm out/sub; mv out/aside out/sub; done) > /dev/null 2>&1 &
			setsid sh -c 'while :; do mv out/sub out/other; ln -s / out/sub; rm out/sub; mv out/other out/sub; done' > /dev/null 2>&1 & sleep 0.1`,
			after: func(t *testing.T, s *scene) {
				for range 20 { // who turns it is gone, so it is what it is
					before, after := s.walk(t, "out"), s.walk(t, "out")
					if !slices.Equal(before, after) {
						t.Errorf("it still turns: %q, then %q", before, after)
					}
					if s.isolated {
						s.keepsDirs(t, "out")
					}
				}
			}},
		{name: "a directory that cannot be removed", script: `
			mkdir -p a/b/c d; ln -s "$CLOSED" a/b/link; ln -s "$CLOSED/config" d/file; touch a/b/c/file
			i=0; while [ $i -lt 200 ]; do mkdir deep && cd deep; i=$((i + 1)); done; cd "$TASK_WORKDIR"
			chmod 0 a/b/c a/b a d deep .`},
		{name: "a directory that is another one", isolated: true, script: `
			cd /; rm -rf "$TASK_WORKDIR" 2> /dev/null; rmdir "$TASK_WORKDIR" 2> /dev/null; ln -s "$CLOSED" "$TASK_WORKDIR" && [ -L "$TASK_WORKDIR" ] && echo BROKEN: replaced
			mv "$TASK_WORKDIR" "$TASK_WORKDIR.old" && echo BROKEN: moved; :`},
		{name: "a long log", script: `head -c 300000000 /dev/zero`,
			after: func(t *testing.T, s *scene) {
				stored, err := s.run.Log.Close()
				if err != nil || stored.Size < 300000000 || stored.CompressedSize > 10<<20 {
					t.Errorf("%+v, %v", stored, err)
				}
			}},
	}
}

// staying are those that leave something for later.
func staying() []trick {
	return []trick{
		{name: "a server that goes on", script: `
			setsid perl -e 'use Socket; socket(S, PF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); bind(S, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die; listen(S, 1); open(F, ">listens"); $SIG{TERM} = $SIG{HUP} = "IGNORE"; chdir "/"; sleep 1000' $PORT > /dev/null 2>&1 &
			i=0; until [ -e listens ] || [ $i -gt 100 ]; do sleep 0.05; i=$((i + 1)); done; [ -e listens ] || echo no perl`,
			after: func(t *testing.T, s *scene) {
				if strings.Contains(s.output, "no perl") {
					t.Skip("there is no perl to listen with")
				}
				conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), patience)
				if !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("somebody listens: %v", err)
				}
				if err == nil {
					_ = conn.Close()
				}
			}},
		{name: "files with rights", isolated: true, script: `
			for dir in /tmp /var/tmp /dev/shm; do cp /bin/sh $dir/$NAME && chmod 6755 $dir/$NAME; done
			cp /bin/sh /usr/local/bin/$NAME && echo BROKEN: for everybody; :`,
			gone: []string{"/tmp/NAME", "/var/tmp/NAME", "/dev/shm/NAME", "/usr/local/bin/NAME"}},
		{name: "jobs for later", isolated: true, script: `
			line="* * * * * touch /tmp/$NAME"
			echo "$line" | crontab - 2> /dev/null; echo "touch /tmp/$NAME" | at now + 1 minute 2> /dev/null
			for file in /etc/cron.d/$NAME /var/spool/cron/crontabs/$NAME /var/spool/cron/$NAME /etc/crontab /etc/profile /etc/rc.local /etc/systemd/system/$NAME.service; do
				(echo "$line" >> $file) 2> /dev/null && echo BROKEN: $file
			done
			loginctl enable-linger > /dev/null 2>&1; [ ! -e "/var/lib/systemd/linger/$(id -un)" ] || echo lingers; :`,
			after: func(t *testing.T, _ *scene) { t.Log("what an account may leave is looked for by internal/accounts") },
			gone:  []string{"/etc/cron.d/NAME", "/var/spool/cron/crontabs/NAME", "/tmp/NAME"}},
		{name: "a process that hides", script: `
			env -i setsid sh -c 'cd /; trap "" TERM HUP INT; echo $$ > "$0/hidden"; exec > /dev/null 2>&1 < /dev/null; while :; do sleep 1; done' "$TASK_WORKDIR" &
			i=0; until [ -s hidden ] || [ $i -gt 100 ]; do sleep 0.05; i=$((i + 1)); done`,
			after: func(t *testing.T, s *scene) {
				text, err := s.read(t, "hidden")
				if err != nil {
					t.Fatal(err)
				}
				pid, err := strconv.Atoi(strings.TrimSpace(text))
				if err != nil {
					t.Fatal(err)
				}
				if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
					t.Errorf("process %d lives: %v", pid, err)
				}
			}},
	}
}

// attacks are those that want the worker to end.
func attacks() []trick {
	return []trick{
		{name: "killing the worker", isolated: true, script: `
			for signal in STOP TERM INT HUP QUIT KILL USR1; do kill -$signal $WORKER 2> /dev/null && echo BROKEN: $signal; done
			kill -STOP 1 2> /dev/null && echo BROKEN: the first process; :`},
		{name: "killing all", isolated: true, script: `sleep 1000 & kill -KILL -1; echo still here; :`,
			after: func(t *testing.T, s *scene) {
				if s.result.Status().Aborted {
					t.Error("the worker takes it for its own doing")
				}
			}},
		{name: "rights", isolated: true, script: `
			for command in "mount -t tmpfs tmpfs /mnt" "chown 0 ." "mknod x b 1 1" "su -c true" "sudo -n true" "chroot / true" "nice -n -5 true"; do
				$command < /dev/null > said 2>&1 && ! grep -qi "cannot\|denied\|not permitted" said && echo "BROKEN: $command"
			done
			(echo -1000 > /proc/self/oom_score_adj) 2> /dev/null && echo BROKEN: is never killed for its memory; :`},
	}
}

// keeps checks that the worker does not open these files, or that they are not its own.
func (s *scene) keeps(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if text, err := s.read(t, path); err == nil && strings.Contains(text, s.secret) {
			t.Errorf("%s is the worker's", path)
		}
	}
}

// keepsDirs is keeps for all files below directories.
func (s *scene) keepsDirs(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		for _, rel := range s.walk(t, dir) {
			s.keeps(t, dir+"/"+rel)
		}
	}
}

// walk lists the files that the worker would upload of a directory.
func (s *scene) walk(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := s.result.WalkDir(t.Context(), dir, func(rel string, _ func() (engines.File, error)) error {
		found = append(found, rel)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("walk %s: %v", dir, err)
	}
	return found
}

// bomb lets a task make as many processes as it can: the worker goes on, and can end them.
func bomb(t *testing.T, c Case) {
	if c.Limited == nil {
		t.Skip("the engine is tried without limits")
	}
	s := c.set(t, c.Limited(t, proc.Limits{Processes: 64}))
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	sandbox := s.start(t, ctx, `touch began; exec 2> /dev/null; perl -e 'fork while 1'; bomb() { bomb | bomb & }; while :; do bomb; done`)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(s.run.Dir + "/began"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not begin")
		}
	}
	time.Sleep(200 * time.Millisecond) // it grows meanwhile
	if err := sandbox.Kill(ctx, 0); err != nil {
		t.Fatal(err)
	}
	result, err := sandbox.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status().Success {
		t.Errorf("%+v", result.Status())
	}
	if err := result.Dispose(ctx); err != nil {
		t.Error(err)
	}
	s.clean(t)
}

// freePort is a port at which nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
