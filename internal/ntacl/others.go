package ntacl

import (
	"strconv"
	"strings"
)

// everyone are those who all accounts are among, as the text form of descriptors has them.
const everyone = " WD AU BU IU S-1-1-0 S-1-5-11 S-1-5-32-545 S-1-5-4 "

// Rights to a folder by which what is in it can be put away, or these rights be had.
const (
	deleteChild = 0x40
	writeList   = 0x40000
	writeOwner  = 0x80000
)

// Others tells whether all accounts may put away what is in a folder, whatever its own access list says, by
// the folder's security descriptor in text form.
func Others(descriptor string) bool {
	_, list, _ := strings.Cut(descriptor, "D:")
	list, _, _ = strings.Cut(list, "S:") // which names nobody that all are among
	if strings.HasPrefix(list, "NO_ACCESS_CONTROL") {
		return true
	}
	for entry := range strings.SplitSeq(list, "(") {
		entry, _, _ = strings.Cut(entry, ")")
		const fields = 6
		part := strings.Split(entry, ";")
		if len(part) < fields || part[0] != "A" || strings.Contains(part[1], "IO") {
			continue // it refuses, or is for what is below alone
		}
		if strings.Contains(everyone, " "+part[5]+" ") && mask(part[2])&(deleteChild|writeList|writeOwner) != 0 {
			return true
		}
	}
	return false
}

// mask is a set of rights: a number, or pairs of letters, of which those matter that are used here.
func mask(rights string) uint64 {
	if n, err := strconv.ParseUint(rights, 0, 32); err == nil {
		return n
	}
	var all uint64
	for i := 0; i+1 < len(rights); i += 2 {
		switch rights[i : i+2] {
		case "FA", "GA", "KA":
			all |= deleteChild | writeList | writeOwner
		case "DT":
			all |= deleteChild
		case "WD":
			all |= writeList
		case "WO":
			all |= writeOwner
		}
	}
	return all
}
