package accountstest

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Network tells whether this is the test in a network of its own besides (call Inside first), in
// which address is this machine's and no other machine is reached. The first time it is called it
// runs the test again in there, and the caller returns. Without the tools the test is skipped.
func Network(t *testing.T, address string) bool {
	t.Helper()
	const inside = "ACCOUNTSTEST_NETWORK"
	if os.Getenv(inside) != "" {
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ip link set lo up && ip addr add "+address+"/32 dev lo").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return true
	}
	for _, name := range []string{"nft", "ip", "bash"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("there is no %s: install nftables, iproute2 and bash", name)
		}
	}
	cmd := exec.CommandContext(t.Context(), Bin+"/test", "-test.run=^"+t.Name()+"$", "-test.timeout=4m")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a network of its own: %v\n%s", err, out)
	}
	return false
}
