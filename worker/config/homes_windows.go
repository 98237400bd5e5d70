package config

import "golang.org/x/sys/windows"

// homes is the folder of the system's home directories.
func homes() string {
	if dir, err := windows.KnownFolderPath(windows.FOLDERID_UserProfiles, 0); err == nil {
		return dir
	}
	return `C:\Users`
}
