package winjob

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// accounting is JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION: of all processes that ever were in the job.
// Times are in units of 100 ns.
type accounting struct {
	user, kernel, periodUser, periodKernel int64
	faults, processes, active, terminated  uint32
	reads, writes, others                  uint64
	readBytes, writtenBytes, otherBytes    uint64
}

func (j *Job) accounting() (info accounting, err error) {
	err = j.query(windows.JobObjectBasicAndIoAccountingInformation, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info, err
}

// active is how many processes are in the job.
func (j *Job) active() (uint32, error) {
	var info struct { // JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
		times                                 [4]int64
		faults, processes, active, terminated uint32
	}
	err := j.query(windows.JobObjectBasicAccountingInformation, unsafe.Pointer(&info), unsafe.Sizeof(info))
	return info.active, err
}

// The functions of package windows for these take numbers in place of pointers, which nothing keeps where
// they are until the system has written there. Those of a LazyProc do.

func (j *Job) set(class uint32, info unsafe.Pointer, size uintptr) error {
	ok, _, err := kernel("SetInformationJobObject").Call(uintptr(j.handle), uintptr(class), uintptr(info), size)
	if ok == 0 {
		return fmt.Errorf("SetInformationJobObject %d: %w", class, err)
	}
	return nil
}

func (j *Job) query(class uint32, info unsafe.Pointer, size uintptr) error {
	ok, _, err := kernel("QueryInformationJobObject").Call(uintptr(j.handle), uintptr(class), uintptr(info), size, 0)
	if ok == 0 {
		return fmt.Errorf("QueryInformationJobObject %d: %w", class, err)
	}
	return nil
}

func kernel(name string) *windows.LazyProc {
	return windows.NewLazySystemDLL("kernel32.dll").NewProc(name)
}

// PIDs lists the processes that are in the job.
func (j *Job) PIDs() (pids []uint32, err error) {
	err = j.use(func() error {
		pids, err = j.list()
		return err
	})
	return pids, err
}

func (j *Job) list() ([]uint32, error) {
	const usual, most = 64, 1 << 20
	for room := usual; room <= most; room *= 4 {
		info := make([]uintptr, room) // JOBOBJECT_BASIC_PROCESS_ID_LIST: two numbers of 32 bits, and the list
		err := j.query(windows.JobObjectBasicProcessIdList, unsafe.Pointer(&info[0]), uintptr(room)*unsafe.Sizeof(info[0]))
		if errors.Is(err, windows.ERROR_MORE_DATA) {
			continue
		}
		if err != nil {
			return nil, err
		}
		const head = 8 / unsafe.Sizeof(info[0])
		listed := *(*uint32)(unsafe.Add(unsafe.Pointer(&info[0]), 4))
		pids := make([]uint32, 0, listed)
		for _, pid := range info[head:][:listed] {
			pids = append(pids, uint32(pid)) //nolint:gosec // a process id
		}
		return pids, nil
	}
	return nil, fmt.Errorf("list the processes of a job: %w", windows.ERROR_MORE_DATA)
}

// memoryCounters is PROCESS_MEMORY_COUNTERS.
type memoryCounters struct {
	size, faults               uint32
	peakWorkingSet, workingSet uintptr
	quota                      [4]uintptr
	committed, peakCommitted   uintptr // PagefileUsage: what is its own, wherever it is
}

// Memory is what its processes have committed for themselves, in bytes: what the limit is about. What
// they share does not count.
func (j *Job) Memory() uint64 {
	pids, err := j.PIDs()
	if err != nil {
		return 0
	}
	all := uint64(0)
	for _, pid := range pids {
		process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.PROCESS_VM_READ, false, pid)
		if err != nil {
			continue // it has ended
		}
		var info memoryCounters
		info.size = uint32(unsafe.Sizeof(info))
		ok, _, _ := kernel("K32GetProcessMemoryInfo").Call(uintptr(process), uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info))
		if ok != 0 {
			all += uint64(info.committed)
		}
		_ = windows.CloseHandle(process)
	}
	return all
}

// queue is a completion port.
type queue windows.Handle

func newQueue() (queue, error) {
	handle, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if err != nil {
		return 0, fmt.Errorf("make a completion port: %w", err)
	}
	return queue(handle), nil
}

// next waits for a note: its kind is in the place of a number of bytes, and its process in that of a pointer,
// which is none.
func (q queue) next() (note, error) {
	var kind uint32
	var key, pid uintptr
	const ever = 0xffffffff // INFINITE
	ok, _, err := kernel("GetQueuedCompletionStatus").Call(uintptr(q), uintptr(unsafe.Pointer(&kind)), uintptr(unsafe.Pointer(&key)), uintptr(unsafe.Pointer(&pid)), ever)
	if ok == 0 {
		return note{}, fmt.Errorf("take a note of a job: %w", err)
	}
	return note{kind: kind, pid: uint32(pid)}, nil //nolint:gosec // a process id
}

func (q queue) post(n note) error {
	ok, _, err := kernel("PostQueuedCompletionStatus").Call(uintptr(q), uintptr(n.kind), 0, uintptr(n.pid))
	if ok == 0 {
		return fmt.Errorf("post a note: %w", err)
	}
	return nil
}

func (q queue) close() error { return windows.CloseHandle(windows.Handle(q)) }

// handle is an open process.
type handle windows.Handle

func openProcess(pid uint32) (process, error) {
	opened, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, pid)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("open the process: %w", err)
	}
	return handle(opened), nil
}

func (h handle) ended() (code uint32, ok bool) {
	if event, err := windows.WaitForSingleObject(windows.Handle(h), 0); err != nil || event != windows.WAIT_OBJECT_0 {
		return 0, false
	}
	if err := windows.GetExitCodeProcess(windows.Handle(h), &code); err != nil {
		return 0, true
	}
	return code, true
}

func (h handle) close() { _ = windows.CloseHandle(windows.Handle(h)) }
