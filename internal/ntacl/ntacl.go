// Package ntacl gives folders and files of Windows to one account, and closes them to all others but the
// system and its administrators.
package ntacl

// Descriptor is the security descriptor, in the system's text form, of what is an account's alone: it is the
// owner, and List is its list.
func Descriptor(sid string) string { return "O:" + sid + List(sid) }

// List is the access list, in that form, by which an account may do everything, and so may the system and the
// administrators. Nothing is inherited from above, and all of it by what is made below.
func List(sid string) string {
	const all = "(A;OICI;FA;;;"
	return "D:PAI" + all + sid + ")" + all + "SY)" + all + "BA)"
}
