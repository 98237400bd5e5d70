// Package ntacl gives folders and files of Windows to one account, and closes them to all others but the
// system and its administrators.
package ntacl

// Descriptor is the security descriptor, in the system's text form, of what is an account's alone: it is the
// owner and may do everything, and so may the system and the administrators. Nothing is inherited from
// above, and all of it by what is made below.
func Descriptor(sid string) string {
	const all = "(A;OICI;FA;;;"
	return "O:" + sid + "D:PAI" + all + sid + ")" + all + "SY)" + all + "BA)"
}
