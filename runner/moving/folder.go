package moving

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// folder looks at what the worker keeps in its working directory.
func (l *look) folder() {
	if l.m.Dir == "" {
		l.add(Differs, "the working directory", "it is not known, and so what the worker keeps there is not looked at", "name it with --dir; relative paths count from it")
		return
	}
	if !l.isDir(l.m.Dir) {
		l.add(Differs, l.m.Dir, "the worker's working directory is not there", "")
		return
	}
	l.caches("file-caches.json", "downloads")
	l.caches("directory-caches.json", "writable caches")
	l.images()
	l.count()
	l.account("current-task-user.json", "of this boot")
	l.account("next-task-user.json", "of the next boot")
}

// kept reads a file of the working directory.
func (l *look) kept(name string) (path string, data []byte, ok bool) {
	path = l.m.join(l.m.Dir, name)
	data, ok = l.read(path)
	return path, data, ok
}

// cached is what both programs keep of a download or of a cache.
type cached struct {
	Location string `json:"location"`
}

// caches looks at a list of downloads or caches: by the name of each an entry, or a list of entries.
func (l *look) caches(name, what string) {
	path, data, ok := l.kept(name)
	if !ok {
		return
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(data, &all) != nil {
		l.damaged(path, "ours begins without the "+what+" that it lists, with a warning")
		return
	}
	count, gone, bad := 0, 0, 0
	for _, text := range all {
		for _, one := range entriesOf(text) {
			if one.Location == "" {
				bad++
				continue
			}
			count++
			if _, err := os.Lstat(Under(l.m.Root, l.m.path(one.Location))); err != nil {
				gone++
			}
		}
	}
	l.add(Stays, path, fmt.Sprintf("%d %s", count, what), "")
	if gone+bad > 0 {
		l.strays(path, fmt.Sprintf("%d of %d entries make no sense or lead nowhere", gone+bad, count+bad))
	}
}

// damaged says that a file cannot be used, in the same way for both directions.
func (l *look) damaged(path, ours string) {
	if l.back {
		l.add(Differs, path, "it is damaged, and what the public worker makes of it is not known", "delete it")
		return
	}
	l.add(Differs, path, "it is damaged: "+ours, "")
}

// strays says that entries of a list are of no use.
func (l *look) strays(path, detail string) {
	if l.back {
		l.add(Differs, path, detail, "start our worker once more, which forgets them")
		return
	}
	l.add(Differs, path, detail+"; ours forgets them, with a warning", "")
}

// entriesOf takes both forms that there are; what is no entry has no location.
func entriesOf(text json.RawMessage) []cached {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		list = []json.RawMessage{text}
	}
	all := make([]cached, len(list))
	for i, one := range list {
		_ = json.Unmarshal(one, &all[i])
	}
	return all
}

// images looks at the images of containers.
func (l *look) images() {
	path, data, ok := l.kept("d2g-image-cache.json")
	if !ok {
		return
	}
	var all map[string]struct{ ID, Name string }
	if json.Unmarshal(data, &all) != nil {
		l.damaged(path, "images are pulled and loaded again")
		return
	}
	l.add(Stays, path, fmt.Sprintf("%d images of containers", len(all)), "")
}

// count looks at how many tasks were run.
func (l *look) count() {
	path, data, ok := l.kept("tasks-resolved-count.txt")
	if !ok {
		return
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		l.add(Differs, path, "it is no number", "delete it")
		return
	}
	l.add(Stays, path, fmt.Sprintf("%d tasks, counted on", n), "")
	if most, ok := l.value("numberOfTasksToRun").(float64); ok && most > 0 && float64(n) >= most {
		l.add(Differs, path, fmt.Sprintf("numberOfTasksToRun is %.0f: the worker ends at once with exit code 0, before a task", most), "delete it to begin anew")
	}
}

// account looks at an account that the desktop mode has made. Its password is not shown.
func (l *look) account(name, of string) {
	path, data, ok := l.kept(name)
	if !ok {
		return
	}
	var user struct{ Name, Password string }
	if json.Unmarshal(data, &user) != nil || user.Name == "" {
		l.damaged(path, "another account is made, and the machine is rebooted once")
		return
	}
	l.private(path)
	detail := "the account " + user.Name + " " + of
	if user.Password == "" {
		detail += ", without a password"
	}
	l.add(Stays, path, detail, "")
}
