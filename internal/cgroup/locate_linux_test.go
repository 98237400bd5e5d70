package cgroup

import (
	"maps"
	"testing"
)

func TestLocate(t *testing.T) {
	const before = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	for name, test := range map[string]struct {
		mountinfo, own, unified string
		old                     map[string]string
		top                     bool
	}{
		"version 2": {
			mountinfo: before + "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
			own:       "0::/system.slice/worker.service\n",
			unified:   "/sys/fs/cgroup/system.slice/worker.service",
		},
		"version 2 in a container": {
			mountinfo: "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", own: "0::/\n",
			unified: "/sys/fs/cgroup", top: true,
		},
		"version 2, a part of it mounted": {
			mountinfo: "30 22 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n", own: "0::/docker/abc/worker\n",
			unified: "/sys/fs/cgroup/worker",
		},
		"hybrid": {
			mountinfo: "31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
				"32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
				"33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
				"34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			own:     "9:name=systemd:/a\n8:memory:/deep/er:colon\n7:cpu,cpuacct:/\n6:devices:/x\n0::/\n",
			unified: "/sys/fs/cgroup/unified", top: true,
			old: map[string]string{"memory": "/sys/fs/cgroup/memory/deep/er:colon", "cpu": "/sys/fs/cgroup/cpu,cpuacct", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct"},
		},
		"a blank in a name": {
			mountinfo: `31 30 0:27 / /mnt/control\040groups rw - cgroup cgroup rw,pids` + "\n", own: "1:pids:/x\n",
			old: map[string]string{"pids": "/mnt/control groups/x"},
		},
		"nothing":  {mountinfo: before, own: ""},
		"nonsense": {mountinfo: "- cgroup2\n - \nx - cgroup2 y z\n", own: "::\n0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := locate(test.mountinfo, test.own)
			if got.unified != test.unified || got.top != test.top || !maps.Equal(got.old, test.old) {
				t.Errorf("found %+v, want %q (top: %v) and %v", got, test.unified, test.top, test.old)
			}
		})
	}
}

func TestOrphanedNames(t *testing.T) {
	own := prefix(1) // of a process that lives
	for name, want := range map[string]bool{
		own + "1":                              false,
		own[:len(own)-1] + "9-1":               true,  // as that one's number, but another start
		"workerkit-1-12-34-5":                  false, // of another namespace
		"workerkit-x-12-34-5":                  false,
		"workerkit-worker":                     false,
		"init.scope":                           false,
		"other" + own[len("workerkit"):] + "1": false,
	} {
		if got := orphaned(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
