package winuser

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"
)

// definition is a task as the scheduler keeps it, in UTF-16 with a mark of the byte order.
func definition(users ...string) *fstest.MapFile {
	var text strings.Builder
	text.WriteString("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">" +
		"<RegistrationInfo><Author>MACHINE\\somebody</Author><Description>für später</Description></RegistrationInfo>" +
		"<Triggers><LogonTrigger><UserId>MACHINE\\task_1</UserId></LogonTrigger></Triggers><Principals>")
	for _, user := range users {
		text.WriteString("<Principal id=\"Author\"><UserId>" + user + "</UserId><LogonType>S4U</LogonType></Principal>")
	}
	text.WriteString("</Principals><Actions><Exec><Command>notepad</Command></Exec></Actions></Task>")
	data := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text.String())) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return &fstest.MapFile{Data: data}
}

func TestScheduled(t *testing.T) {
	account := Account{Name: "task_1", SID: "S-1-5-21-7"}
	folder := fstest.MapFS{
		"by its name":               definition(`MACHINE\task_1`),
		"of the system":             definition("S-1-5-18"),
		"without":                   definition(),
		"Folder/by its SID":         definition("S-1-5-21-7"),
		"Folder/below/among others": definition("S-1-5-18", ` .\TASK_1 `),
		"of a longer SID":           definition("S-1-5-21-77"),
		"of a longer name":          definition(`MACHINE\task_11`),
		"of a domain":               definition(`OTHER\task_1`),
		"no definition":             {Data: []byte("text")},
		"of a long time ago":        {Data: []byte("<Task><Principals><Principal><UserId>task_1</UserId></Principal></Principals></Task>")},
	}
	found, err := scheduled(folder, func(user string) bool { return account.is(user, "machine") })
	want := []Trace{{ScheduledTask, `\Folder\below\among others`}, {ScheduledTask, `\Folder\by its SID`}, {ScheduledTask, `\by its name`}, {ScheduledTask, `\of a long time ago`}}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("%v, %v, want %v", found, err, want)
	}
	if (Account{Name: "task_1"}).is("", "machine") {
		t.Error("nobody is taken for an account without a SID")
	}
	if _, err := scheduled(unreadable{}, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a folder that cannot be read: %v", err)
	}
	if found, err := scheduled(fstest.MapFS{}, nil); err != nil || found != nil {
		t.Errorf("an empty folder: %v, %v", found, err)
	}
}

// unreadable is a folder that is open to others.
type unreadable struct{}

func (unreadable) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

// What fails leaves no more than it must.
func TestTracesThatStay(t *testing.T) {
	told := errors.New("told to fail")
	for _, call := range []string{"traces", "remove the"} {
		m := newMachine()
		a := with(m)
		account, err := a.Create(t.Context(), "task_1", "")
		if err != nil {
			t.Fatal(err)
		}
		m.traces = []Trace{{Service, "one"}, {ScheduledTask, `\two`}}
		m.fail[call] = told
		if err := a.Delete(t.Context(), account); !errors.Is(err, told) {
			t.Errorf("%s: %v", call, err)
		}
		for _, want := range []string{"remove the service one", `remove the scheduled task \two`, "remove task_1"} {
			if !slices.Contains(m.calls, want) {
				t.Errorf("%s: no %q in %q", call, want, m.calls)
			}
		}
	}
}

func TestBins(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	const sid = "S-1-5-21-1-2-3-4"
	folder := filepath.Join(one, "$Recycle.Bin", sid)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := bins([]string{two, one}, sid); len(got) != 1 || got[0] != (Trace{RecycleBin, folder}) {
		t.Errorf("%v", got)
	}
	for _, sid := range []string{"", ".", "..", "S-1-5-18"} {
		if got := bins([]string{two, one}, sid); len(got) > 0 {
			t.Errorf("%q: %v", sid, got)
		}
	}
}
