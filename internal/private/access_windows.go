package private

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/workerkit/workerkit/internal/ntacl"
)

// ownerOnly is the public programs' form of an owner-only file: full access for the owner,
// nothing inherited.
const ownerOnly = "G:S-1-0-0D:PAI(A;;FA;;;OW)"

const (
	creatorOwner   = "S-1-3-0"      // whoever makes something in a folder, who may do so
	ownerRights    = "S-1-3-4"      // OW in that form: whoever owns the file
	system         = "S-1-5-18"     // Windows itself, from which no list keeps anything
	administrators = "S-1-5-32-544" // nor from these; the default owner in the system's tokens and elevated ones
)

// caller is who runs this program.
type caller struct {
	sid   string
	admin bool // an administrator with all rights, and not the system
}

func self() (caller, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return caller{}, fmt.Errorf("find the current user: %w", err)
	}
	c := caller{sid: user.User.Sid.String()}
	if c.sid == system {
		return c, nil
	}
	group, err := windows.StringToSid(administrators)
	if err == nil {
		c.admin, err = windows.Token(0).IsMember(group)
	}
	if err != nil {
		return caller{}, fmt.Errorf("find the current user's rights: %w", err)
	}
	return c, nil
}

// owner is whose what we make is: the system opens no file that is one administrator's alone.
func (c caller) owner() string {
	if c.admin {
		return administrators
	}
	return c.sid
}

// trusts tells whether an owner is one of those who can do what they want here anyway.
func (c caller) trusts(owner string) bool {
	return slices.Contains([]string{c.sid, system, administrators}, owner)
}

// tighter returns the change, in the text form of descriptors, that makes a file its owner's alone;
// "" is none. Without the error ErrExposed its owner is trusted.
func (c caller) tighter(file *windows.SECURITY_DESCRIPTOR) (change string, err error) {
	owner := ownerOf(file)
	switch {
	case !c.trusts(owner):
		return "", fmt.Errorf("%w: it belongs to %s, who is neither this user (%s) nor the system nor the administrators", ErrExposed, owner, c.sid)
	case !c.exposed(file, 0):
		return "", nil
	case c.admin && owner != administrators:
		return "O:" + administrators + ownerOnly, nil // or the system could not open it, or we could not
	case c.admin || c.sid == system || owner == c.sid:
		return ownerOnly, nil
	default: // we would shut ourselves out
		return "", fmt.Errorf("%w: others have access, and it belongs to %s", ErrExposed, owner)
	}
}

// closer returns the change that closes a folder to others, as tighter does.
func (c caller) closer(folder *windows.SECURITY_DESCRIPTOR) (change string) {
	control, _, err := folder.Control()
	switch {
	case !c.trusts(ownerOf(folder)):
		return "O:" + c.owner() + ntacl.List(c.sid)
	case err != nil, control&windows.SE_DACL_PROTECTED == 0, c.exposed(folder, windows.INHERIT_ONLY_ACE):
		return ntacl.List(c.sid)
	}
	return ""
}

func ownerOf(have *windows.SECURITY_DESCRIPTOR) string {
	owner, _, err := have.Owner()
	if err != nil || owner == nil {
		return "nobody"
	}
	return owner.String()
}

// exposed tells whether an access list lets others in. Entries for what is below alone count where
// below has their flag.
func (c caller) exposed(have *windows.SECURITY_DESCRIPTOR, below uint8) bool {
	dacl, _, err := have.DACL()
	if err != nil || dacl == nil { // no list at all lets everybody in
		return true
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return true
		}
		if ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE || ace.Header.AceFlags&windows.INHERIT_ONLY_ACE&^below != 0 {
			continue
		}
		if ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE {
			return true
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)).String()
		if !c.trusts(sid) && sid != ownerRights && sid != creatorOwner {
			return true
		}
	}
	return false
}

// advice is what makes a file one that we read.
func (c caller) advice(path string) string {
	to := c.sid
	if c.admin || to == system {
		to = administrators
	}
	return fmt.Sprintf(`icacls "%s" /setowner *%s`, path, to)
}
