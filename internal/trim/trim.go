// Package trim gives a process's memory back to the system while it has nothing to do.
package trim
