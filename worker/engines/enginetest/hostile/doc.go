// Package hostile lets an engine run tasks that want out of what they are given: to read or change
// what is the worker's or another task's, to stay when they have ended, to have the worker do it
// for them. Every trick is one entry of a table.
package hostile
