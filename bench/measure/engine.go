package measure

import (
	"os"
	"path/filepath"

	"github.com/workerkit/workerkit/internal/isolated"
)

// The engines that can be measured.
const (
	insecure  = "insecure"
	multiuser = "multiuser"
)

// again runs this program once more, where its workers can make accounts that the machine does not
// get: in mount, process and IPC namespaces of its own, with a copy of /etc and an empty /home.
func again(bin string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	programs, err := filepath.Glob(filepath.Join(bin, "*-*")) // each has a hyphen in its name
	if err != nil {
		return err
	}
	cmd, err := isolated.Command(self, programs, append(os.Args[1:], "-bin", isolated.Bin)...)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
