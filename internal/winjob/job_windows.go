package winjob

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Job is a job object: whatever a process in it starts is in it too. Its methods may be called
// concurrently, and after Close, when there is nothing in it.
type Job struct {
	mu     sync.RWMutex // held for writing to close
	handle windows.Handle
	watch  *watch // nil where nothing is limited
	port   queue
	closed bool // and the handle may be another object's
}

// errClosed means that the job was closed.
var errClosed = errors.New("the job is closed")

// use calls fn while the job is open.
func (j *Job) use(fn func() error) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		return errClosed
	}
	return fn()
}

// New makes a job without processes, which ends with its last handle and so with this process. A limit
// that cannot be set is told to lacks, and the job goes without it.
func New(l Limits, lacks func(limit string, err error)) (*Job, error) {
	handle, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("create a job object: %w", err)
	}
	j := &Job{handle: handle}
	if err := j.bind(l, lacks); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(handle))
	}
	if l.CPUWeight > 0 {
		if err := j.share(rate(l.CPUWeight)); err != nil {
			lacks("processor weight", err)
		}
	}
	if l.Memory > 0 || l.Processes > 0 {
		if err := j.listen(); err != nil {
			lacks("the notice of limits that were reached", err)
		}
	}
	return j, nil
}

// Part makes a job for some processes of another one, in which they are already: they can be told apart and
// ended by it. It has no limits, and they go on when it is closed.
func Part() (*Job, error) {
	handle, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("create a job object: %w", err)
	}
	return &Job{handle: handle}, nil
}

// bind sets the limits that end with the job itself.
func (j *Job) bind(l Limits, lacks func(string, error)) error {
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if err := j.set(windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return fmt.Errorf("have a job object end with the worker: %w", err)
	}
	limited := info
	if l.Memory > 0 {
		limited.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		limited.JobMemoryLimit = uintptr(min(l.Memory, uint64(^uintptr(0))))
	}
	if l.Processes > 0 {
		limited.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
		limited.BasicLimitInformation.ActiveProcessLimit = uint32(min(l.Processes, uint64(^uint32(0))))
	}
	if limited == info {
		return nil
	}
	if err := j.set(windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&limited), unsafe.Sizeof(limited)); err != nil {
		lacks("memory and processes", err)
	}
	return nil
}

// share sets how the processor is shared with others.
func (j *Job) share(rate uint32) error {
	const enable, byWeight = 0x1, 0x2 // JOB_OBJECT_CPU_RATE_CONTROL_
	info := struct{ flags, weight uint32 }{enable | byWeight, rate}
	return j.set(windows.JobObjectCpuRateControlInformation, unsafe.Pointer(&info), unsafe.Sizeof(info))
}

// listen has the system say when a limit is reached. The job must be empty still.
func (j *Job) listen() error {
	made, err := newQueue()
	if err != nil {
		return err
	}
	info := struct {
		key  uintptr
		port windows.Handle
	}{port: windows.Handle(made)}
	if err := j.set(windows.JobObjectAssociateCompletionPortInformation, unsafe.Pointer(&info), unsafe.Sizeof(info)); err != nil {
		return errors.Join(err, made.close())
	}
	j.port, j.watch = made, newWatch(made, openProcess)
	go j.watch.run() // ended by Close
	return nil
}

// Assign puts a process into the job, which must have been started halted if nothing is to escape. The
// handle needs PROCESS_SET_QUOTA and PROCESS_TERMINATE. The first one says in which session the job is.
func (j *Job) Assign(process windows.Handle) error {
	err := j.use(func() error { return windows.AssignProcessToJobObject(j.handle, process) })
	if err != nil {
		return fmt.Errorf("assign the process to its job: %w", err)
	}
	return nil
}

// Terminate ends all processes that are in the job now.
func (j *Job) Terminate() error {
	err := j.use(func() error { return windows.TerminateJobObject(j.handle, 1) })
	if err != nil && !errors.Is(err, errClosed) {
		return fmt.Errorf("terminate a job: %w", err)
	}
	return nil
}

// Active tells whether there are processes in the job.
func (j *Job) Active() bool {
	active := uint32(0)
	_ = j.use(func() (err error) {
		active, err = j.active()
		return err
	})
	return active > 0
}

// Usage is what its processes have used; nothing after Close. What the system does not count is 0.
func (j *Job) Usage() (u Usage) {
	_ = j.use(func() error {
		if c, err := j.accounting(); err == nil {
			const unit = 100 * time.Nanosecond
			u = Usage{User: time.Duration(c.user) * unit, Kernel: time.Duration(c.kernel) * unit, Read: c.readBytes, Written: c.writtenBytes}
		}
		info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
		if j.query(windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&info), unsafe.Sizeof(info)) == nil {
			u.PeakMemory = uint64(info.PeakJobMemoryUsed)
		}
		if j.watch != nil {
			u.Refused, u.MemoryKills = j.watch.counted()
		}
		return nil
	})
	return u
}

// Close frees the job, and has the system end what is in it still. It may be repeated.
func (j *Job) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	err := windows.CloseHandle(j.handle)
	if j.watch == nil {
		return err
	}
	if ended := j.watch.end(); ended != nil {
		return errors.Join(err, ended) // the port is in use still
	}
	return errors.Join(err, j.port.close())
}
