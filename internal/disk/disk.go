// Package disk tells how much space there is, and which directories share it.
package disk
