package firewall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	inside = "FIREWALL_TEST_INSIDE" // set in the network namespace of the tests
	dial   = "FIREWALL_TEST_DIAL"   // what a process is to reach, in place of the tests
	taskID = 45000
	people = 1000
)

func TestMain(m *testing.M) {
	if targets := os.Getenv(dial); targets != "" {
		for target := range strings.SplitSeq(targets, ",") {
			fmt.Println(reach(target))
		}
		return
	}
	os.Exit(m.Run())
}

// reach says whether somebody answers.
func reach(target string) string {
	network, address, _ := strings.Cut(target, " ")
	conn, err := net.DialTimeout(network, address, 5*time.Second)
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err = conn.Write([]byte("x")); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
	}
	switch {
	case err == nil:
		return "open"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	default:
		return err.Error()
	}
}

// open tells which addresses a user reaches.
func open(t *testing.T, uid uint32, targets []string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe") // whatever folders it is in
	cmd.Dir, cmd.Env = "/", append(os.Environ(), dial+"="+strings.Join(targets, ","), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	reached := map[string]bool{}
	answers := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, target := range targets {
		if i >= len(answers) || answers[i] != "open" && answers[i] != "refused" {
			t.Fatalf("user %d to %s: %s", uid, target, out)
		}
		reached[target] = answers[i] == "open"
	}
	return reached
}

// alone tells whether this is the test in a network namespace of its own, where the addresses of
// the metadata services are this machine's and answer. The first time it runs the test in there.
func alone(t *testing.T, programs ...string) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		prepare(t)
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network namespace and rules in it")
	}
	for _, name := range append(programs, "ip") {
		if lookup(name) == "" {
			t.Skipf("there is no %s: install nftables, iptables and iproute2", name)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v=true", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("network namespaces cannot be made here")
	}
	if err != nil {
		t.Errorf("in a network namespace: %v\n%s", err, out)
	}
	return false
}

// The addresses of the tests: what must be closed to tasks, and what must not.
var (
	closed = []string{"tcp 169.254.169.254:80", "tcp [fd00:ec2::254]:80", "tcp [fd20:ce::254]:80", "tcp 168.63.129.16:80", "tcp 168.63.129.16:32526"}
	others = []string{"udp 169.254.169.254:53", "tcp 169.254.169.254:53", "udp 169.254.169.254:123", "tcp 169.254.169.254:8080", "udp [fd00:ec2::254]:53", "tcp 168.63.129.16:53", "udp 168.63.129.16:80", "tcp 127.0.0.1:80"}
)

func prepare(t *testing.T) {
	t.Helper()
	for _, args := range []string{"link set lo up", "addr add 169.254.169.254/32 dev lo", "addr add 168.63.129.16/32 dev lo", "-6 addr add fd00:ec2::254/128 dev lo nodad", "-6 addr add fd20:ce::254/128 dev lo nodad"} {
		if out, err := exec.CommandContext(t.Context(), lookup("ip"), strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	for _, target := range slices.Concat(closed, others) {
		answer(t, target)
	}
	for _, target := range closed { // an address of IPv6 is not there at once
		network, address, _ := strings.Cut(target, " ")
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			conn, err := net.Dial(network, address)
			if err == nil {
				_ = conn.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
}

// answer has each byte that comes to an address be sent back.
func answer(t *testing.T, target string) {
	t.Helper()
	network, address, _ := strings.Cut(target, " ")
	if network == "udp" {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			buffer := make([]byte, 1)
			for {
				n, from, err := conn.ReadFrom(buffer)
				if err != nil {
					return
				}
				_, _ = conn.WriteTo(buffer[:n], from)
			}
		}()
		return
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("x"))
			_ = conn.Close()
		}
	}()
}

// expect checks what users reach.
func expect(t *testing.T, when string, shut bool, users ...uint32) {
	t.Helper()
	for _, uid := range users {
		reached := open(t, uid, slices.Concat(closed, others))
		for _, target := range closed {
			if reached[target] == shut {
				t.Errorf("%s: user %d reaches %s: %v", when, uid, target, !shut)
			}
		}
		for _, target := range others {
			if !reached[target] {
				t.Errorf("%s: user %d does not reach %s", when, uid, target)
			}
		}
	}
}

func command(t *testing.T, line string) {
	t.Helper()
	args := strings.Fields(line)
	if out, err := exec.CommandContext(t.Context(), lookup(args[0]), args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
}

// guard is of a test; what removes its rules is in the test.
func guard(owner string, use rules) *Metadata {
	m := NewMetadata(owner)
	m.rules = use
	return m
}

func TestDeny(t *testing.T) {
	for name, c := range map[string]struct {
		programs []string
		rules    func() rules
		flush    string
	}{
		"nft":      {[]string{"nft"}, func() rules { r, _ := find("a"); return r }, "nft flush ruleset"},
		"iptables": {[]string{"iptables", "ip6tables"}, func() rules { return &iptables{"workerkit_a", lookup("iptables"), lookup("ip6tables")} }, "iptables -F OUTPUT"},
	} {
		t.Run(name, func(t *testing.T) {
			if !alone(t, c.programs...) {
				return
			}
			ctx := t.Context()
			m := guard("a", c.rules())
			expect(t, "before", false, taskID)
			deny(t, m, User{"task_a", taskID})
			expect(t, "denied", true, taskID)
			expect(t, "denied", false, 0, people, taskID+1)
			deny(t, m, User{"task_b", taskID + 1}, User{"task_a", taskID})
			expect(t, "two", true, taskID, taskID+1)
			command(t, c.flush)
			expect4(t, "flushed", false)
			deny(t, m)
			expect(t, "put back", true, taskID, taskID+1)
			m.Allow(taskID)
			deny(t, m, User{"task_c", taskID + 2})
			expect(t, "forgotten", false, taskID)
			expect(t, "the other ones", true, taskID+1, taskID+2)
			if err := m.Close(ctx); err != nil {
				t.Fatal(err)
			}
			expect(t, "after the end", false, taskID, taskID+1)
			if err := m.Close(ctx); err != nil {
				t.Errorf("closed twice: %v", err)
			}
		})
	}
}

func deny(t *testing.T, m *Metadata, users ...User) {
	t.Helper()
	if err := m.Deny(t.Context(), users...); err != nil {
		t.Fatal(err)
	}
}

// expect4 is what a flush of the rules for IPv4 changes.
func expect4(t *testing.T, when string, shut bool) {
	t.Helper()
	if open(t, taskID, closed[:1])[closed[0]] == shut {
		t.Errorf("%s: reaches %s: %v", when, closed[0], !shut)
	}
}

// Rules that nobody has touched are not set again: it would cost each task milliseconds.
func TestDenyAgainIsCheap(t *testing.T) {
	if !alone(t, "nft") {
		return
	}
	m := NewMetadata("a")
	deny(t, m, User{"task_a", taskID})
	if !m.rules.intact() {
		t.Fatal("not intact at once")
	}
	handle := func() string {
		out, err := exec.CommandContext(t.Context(), lookup("nft"), "-a", "list", "tables").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before := handle()
	deny(t, m, User{"task_a", taskID})
	if after := handle(); after != before {
		t.Errorf("set again: %s", after)
	}
	command(t, "nft add table inet another")
	if m.rules.intact() {
		t.Error("somebody else's change was not noticed")
	}
	deny(t, m)
	if !m.rules.intact() {
		t.Error("not intact after it was set again")
	}
}

// Beside the rules of an image, and of another worker, each has its own.
func TestOthersRulesStay(t *testing.T) {
	if !alone(t, "nft") {
		return
	}
	command(t, "nft -f ../../packer/templates/root/metadata.nft")
	first, second := NewMetadata("a"), NewMetadata("b")
	deny(t, first, User{"task_a", 900}) // whom the image's rules do not know
	deny(t, second, User{"task_b", 901})
	expect(t, "both", true, 900, 901)
	again := NewMetadata("a") // after it was killed
	deny(t, again)
	expect(t, "the other one's", true, 901)
	expect(t, "started again", false, 900)
	for _, m := range []*Metadata{again, second} {
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	expect(t, "both ended", false, 900, 901)
	expect(t, "the image's", true, people)
}

// A user may take on further ids, and have a socket with one of these.
func TestFurtherIDs(t *testing.T) {
	if !alone(t, "nft") {
		return
	}
	m := NewMetadata("a")
	m.denied[taskID] = []span{{100000, 165535}, {taskID, taskID}}
	deny(t, m)
	expect(t, "further ones", true, taskID, 100000, 165535)
	expect(t, "not theirs", false, 99999, 165536)
}

func TestFurther(t *testing.T) {
	const file = "a:100000:65536\ntask_b:165536:65536\n45000:300000:10\n\ntask_b:400000:0\n45:500000:1\ntask_b:4294967290:100\n"
	got, err := further(file, User{"task_b", taskID})
	if want := "[165536-231071 300000-300009 4294967290-4294967294]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
	for _, wrong := range []string{"task_b:x:1", "task_b:1:x", "task_b:4294967296:1"} {
		if _, err := further(wrong, User{"task_b", taskID}); err == nil {
			t.Errorf("%q was understood", wrong)
		}
	}
}

func TestWhatFails(t *testing.T) {
	if !alone(t, "nft") {
		return
	}
	m := guard("a", &nft{path: "/bin/false", table: "inet a"})
	ctx, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	for range 2 { // and it is not taken for done
		if err := m.Deny(ctx, User{"task_a", taskID}); err == nil || !strings.Contains(err.Error(), "close the metadata services to tasks: false: exit status 1") {
			t.Errorf("rules that cannot be set: %v", err)
		}
	}
	if err := m.Close(ctx); err == nil {
		t.Error("rules that cannot be removed are")
	}
}
